// The Python module checkers.native._engine: one function `bind_…` for each source file with something to offer.
#include <nanobind/nanobind.h>

namespace nb = nanobind;

void bind_cycles(nb::module_ &module);
void bind_registers(nb::module_ &module);
void bind_transactions(nb::module_ &module);

NB_MODULE(_engine, module) {
    module.doc() = "Compiled searches. What they mean stands in the Python beside them.";
    bind_cycles(module);
    bind_registers(module);
    bind_transactions(module);
}
