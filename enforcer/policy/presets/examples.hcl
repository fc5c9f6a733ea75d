# The four work groups of E3's examples: for trying out, too narrow for work.
#
# What E3's description does not name as "can" is X: level 1 and every level 2
# function is marked, level 3 where it differs from its application. Whoever has
# something in a tree may also sign on to it (pos.signon, backoffice.signon),
# since nothing in it could be reached otherwise. What is X may still be lent by
# a manager where the catalogue says override = "manager".

# Only looks at Instant Savings promotions; ClockInNotRequired and ForcedBreak are X.
work_group "Cashier" {
  scope    = "store"
  reviewed = 1

  allow = ["pos", "pos.signon", "backoffice", "backoffice.signon"]

  deny = [
    "pos.lock", "pos.unlock.other", "pos.signon.multiple", "pos.clockin.notrequired", "pos.forcedbreak",
    "pos.manageroverride", "pos.training", "pos.offline.operate", "pos.password.change",
    "pos.signon.nodrawer", "pos.sale", "pos.price", "pos.void", "pos.return", "pos.tender", "pos.drawer",
    "pos.till", "pos.giftcard", "pos.customer", "pos.reports", "pos.time", "pos.device", "pos.itemsearch",
    "pos.order", "pos.table", "pos.delivery",
    "backoffice.xapps.pos", "backoffice.export", "backoffice.print", "backoffice.allstores",
    "backoffice.itemsearch", "backoffice.cash", "backoffice.operator", "backoffice.security",
    "backoffice.item", "backoffice.promotion", "backoffice.customer", "backoffice.inventory",
    "backoffice.reports", "backoffice.data", "backoffice.support",
  ]

  exception "a customer's history and house account, and nothing else of customers" {
    allow = ["pos.customer.purchasehistory", "pos.customer.houseaccount"]
  }

  exception "of promotions, to look at Instant Savings" {
    allow = ["backoffice.promotion.instantsavings.view"]
  }
}

# ClockInNotRequired is blank, so allowed because POS is; ForcedBreak has its own check.
work_group "Manager" {
  scope    = "store"
  reviewed = 1

  allow = ["pos", "pos.signon", "pos.forcedbreak", "backoffice", "backoffice.signon"]

  deny = [
    "pos.lock", "pos.unlock.other", "pos.signon.multiple", "pos.manageroverride", "pos.training",
    "pos.offline.operate", "pos.password.change", "pos.signon.nodrawer", "pos.sale", "pos.price", "pos.void",
    "pos.return", "pos.tender", "pos.drawer", "pos.till", "pos.giftcard", "pos.customer", "pos.reports",
    "pos.time", "pos.device", "pos.itemsearch", "pos.order", "pos.table", "pos.delivery",
    "backoffice.xapps.pos", "backoffice.export", "backoffice.print", "backoffice.allstores",
    "backoffice.itemsearch", "backoffice.cash", "backoffice.operator", "backoffice.security",
    "backoffice.item", "backoffice.promotion", "backoffice.customer", "backoffice.inventory",
    "backoffice.reports", "backoffice.data", "backoffice.support",
  ]

  exception "a customer's history and house account, and nothing else of customers" {
    allow = ["pos.customer.purchasehistory", "pos.customer.houseaccount"]
  }

  exception "of promotions, Instant Savings in full" {
    allow = ["backoffice.promotion.instantsavings", "backoffice.promotion.instantsavings.view"]
  }
}

# No POS; Instant Savings in full.
work_group "Corporate" {
  scope    = "enterprise"
  reviewed = 1

  allow = ["backoffice", "backoffice.signon"]

  deny = [
    "pos", "pos.signon", "pos.lock", "pos.unlock.other", "pos.signon.multiple", "pos.clockin.notrequired",
    "pos.forcedbreak", "pos.manageroverride", "pos.training", "pos.offline.operate", "pos.password.change",
    "pos.signon.nodrawer", "pos.sale", "pos.price", "pos.void", "pos.return", "pos.tender", "pos.drawer",
    "pos.till", "pos.giftcard", "pos.customer", "pos.reports", "pos.time", "pos.device", "pos.itemsearch",
    "pos.order", "pos.table", "pos.delivery",
    "backoffice.xapps.pos", "backoffice.export", "backoffice.print", "backoffice.allstores",
    "backoffice.itemsearch", "backoffice.cash", "backoffice.operator", "backoffice.security",
    "backoffice.item", "backoffice.promotion", "backoffice.customer", "backoffice.inventory",
    "backoffice.reports", "backoffice.data", "backoffice.support",
  ]

  exception "of promotions, Instant Savings in full" {
    allow = ["backoffice.promotion.instantsavings", "backoffice.promotion.instantsavings.view"]
  }
}

# No POS; Instant Savings in full.
work_group "Support" {
  scope    = "enterprise"
  reviewed = 1

  allow = ["backoffice", "backoffice.signon"]

  deny = [
    "pos", "pos.signon", "pos.lock", "pos.unlock.other", "pos.signon.multiple", "pos.clockin.notrequired",
    "pos.forcedbreak", "pos.manageroverride", "pos.training", "pos.offline.operate", "pos.password.change",
    "pos.signon.nodrawer", "pos.sale", "pos.price", "pos.void", "pos.return", "pos.tender", "pos.drawer",
    "pos.till", "pos.giftcard", "pos.customer", "pos.reports", "pos.time", "pos.device", "pos.itemsearch",
    "pos.order", "pos.table", "pos.delivery",
    "backoffice.xapps.pos", "backoffice.export", "backoffice.print", "backoffice.allstores",
    "backoffice.itemsearch", "backoffice.cash", "backoffice.operator", "backoffice.security",
    "backoffice.item", "backoffice.promotion", "backoffice.customer", "backoffice.inventory",
    "backoffice.reports", "backoffice.data", "backoffice.support",
  ]

  exception "of promotions, Instant Savings in full" {
    allow = ["backoffice.promotion.instantsavings", "backoffice.promotion.instantsavings.view"]
  }
}
