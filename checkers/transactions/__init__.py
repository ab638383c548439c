"""Transactions: which isolation a history of transactions shows, and which it rules out.

After Adya 1999 and the Elle paper (Kingsbury & Alvaro 2020): clients write values of their own, so that what
is read says who wrote it. From this follow the orders of versions (`list_append`, `rw_register`), from those
the dependencies between transactions (`dependency`), and cycles among them (`cycles`) are anomalies, beside
those that one or two transactions show by themselves. `consistency` says what each anomaly rules out and why,
`sentences` and `drawing` tell it. The checkers are in `checker`.

What is found is there: every anomaly is a proof. The converse is weaker. For lists of which every append was
seen, a history without cycles has a serial order; what registers do not show of their versions' order is left
open, and then "valid" means that nothing speaks against it.
"""
