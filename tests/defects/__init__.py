"""Planted defects: known bugs, each a small module that replaces one method of the reference.

They are the control group of the whole project. A test that finds none of them proves nothing, so each
has a scripted witness (`witnesses`), and the random search is measured by how many it finds. `arangod-ref
--defect NAME` plants one in a server where this package can be imported; in simulation they are planted
in the process (`catalogue`).
"""
