# Who may hand out the work groups that others' work depends on. Whoever maintains
# operators is meant to make managers; nobody comes to the enterprise's rights by way of
# a store's, or to a manager's by setting a manager's PIN.

restricted_work_group "POS Cashier - Manager Override" {
  editors = ["Enterprise Operator Maintenance", "Store/Local Operator Maintenance"]
}

restricted_work_group "Aura Manager" {
  editors = ["Enterprise Operator Maintenance", "Store/Local Operator Maintenance"]
}

restricted_work_group "Enterprise Operator Maintenance" {
  editors = ["Enterprise Operator Maintenance"]
}

restricted_work_group "Store/Local Operator Maintenance" {
  editors = ["Enterprise Operator Maintenance", "Store/Local Operator Maintenance"]
}
