"""Networks of EPANET and pandapower."""
