# What the description of E3 Retail's Security Maintenance says of each of its work groups, line by line.
#
# What a line gives stands in may, what it withholds in may_never, or in may_not where the catalogue lets a manager
# lend it. The functions are those of the catalogue that the line's words mean.

test "Sales Only: the POS can process a sale; not a return, not Manager Override" {
  group = "POS Cashier - Sales Only"

  may       = ["pos.sale", "pos.sale.item", "pos.tender.cash", "pos.tender.card", "pos.drawer.sale"]
  may_not   = ["pos.return.*"]
  may_never = ["pos.manageroverride.*"]
}

test "Sales Only: BackOffice can the X-Apps for POS, Item Search and Customer Maintenance" {
  group = "POS Cashier - Sales Only"

  may = [
    "backoffice.signon", "backoffice.xapps.pos", "backoffice.itemsearch", "backoffice.customer",
    "backoffice.customer.edit",
  ]
}

test "Sales Only: BackOffice can not sales analysis and exception reporting" {
  group = "POS Cashier - Sales Only"

  may_never = ["backoffice.reports.salesanalysis", "backoffice.reports.exception"]
}

test "Sales Only: what this comes to in the catalogue, and nothing else" {
  group = "POS Cashier - Sales Only"

  may = [
    "pos", "pos.signon", "pos.lock", "pos.password.change", "pos.time.punch", "pos.itemsearch", "pos.sale",
    "pos.sale.item", "pos.sale.openitem", "pos.sale.quantity", "pos.sale.pricecheck", "pos.sale.suspend",
    "pos.sale.resume", "pos.void.line", "pos.tender.cash", "pos.tender.card", "pos.tender.check",
    "pos.tender.giftcard", "pos.tender.voucher", "pos.tender.loyalty", "pos.drawer.sale", "pos.drawer.reopen",
    "pos.till.open", "pos.till.safedrop", "pos.till.count", "backoffice", "backoffice.signon",
    "backoffice.xapps.pos", "backoffice.itemsearch", "backoffice.customer", "backoffice.customer.edit",
  ]
  may_not = ["*"]
}

test "Sales and Returns: the POS can process a sale and a return; not Manager Override" {
  group = "POS Cashier - Sales and Returns"

  may = [
    "pos.sale", "pos.sale.item", "pos.tender.cash", "pos.tender.card", "pos.drawer.sale",
    "pos.return.receipted", "pos.return.cash",
  ]
  may_never = ["pos.manageroverride.*"]
}

test "Sales and Returns: BackOffice can the X-Apps for POS, Item Search and Customer Maintenance" {
  group = "POS Cashier - Sales and Returns"

  may = [
    "backoffice.signon", "backoffice.xapps.pos", "backoffice.itemsearch", "backoffice.customer",
    "backoffice.customer.edit",
  ]
}

test "Sales and Returns: BackOffice can not sales analysis and exception reporting" {
  group = "POS Cashier - Sales and Returns"

  may_never = ["backoffice.reports.salesanalysis", "backoffice.reports.exception"]
}

test "Sales and Returns: what this comes to in the catalogue, and nothing else" {
  group = "POS Cashier - Sales and Returns"

  may = [
    "pos", "pos.signon", "pos.lock", "pos.password.change", "pos.time.punch", "pos.itemsearch", "pos.sale",
    "pos.sale.item", "pos.sale.openitem", "pos.sale.quantity", "pos.sale.pricecheck", "pos.sale.suspend",
    "pos.sale.resume", "pos.void.line", "pos.tender.cash", "pos.tender.card", "pos.tender.check",
    "pos.tender.giftcard", "pos.tender.voucher", "pos.tender.loyalty", "pos.drawer.sale", "pos.drawer.reopen",
    "pos.till.open", "pos.till.safedrop", "pos.till.count", "backoffice", "backoffice.signon",
    "backoffice.xapps.pos", "backoffice.itemsearch", "backoffice.customer", "backoffice.customer.edit",
    "pos.return.receipted", "pos.return.cash",
  ]
  may_not = ["*"]
}

test "Manager Override: the POS can process a sale, a return, Manager Override" {
  group = "POS Cashier - Manager Override"

  may = [
    "pos.sale", "pos.sale.item", "pos.tender.cash", "pos.tender.card", "pos.drawer.sale",
    "pos.return.receipted", "pos.return.cash", "pos.manageroverride",
  ]
}

test "Manager Override: BackOffice can the X-Apps for POS, Item Search and Customer Maintenance" {
  group = "POS Cashier - Manager Override"

  may = [
    "backoffice.signon", "backoffice.xapps.pos", "backoffice.itemsearch", "backoffice.customer",
    "backoffice.customer.edit",
  ]
}

test "Manager Override: BackOffice can not sales analysis and exception reporting" {
  group = "POS Cashier - Manager Override"

  may_never = ["backoffice.reports.salesanalysis", "backoffice.reports.exception"]
}

test "Manager Override: what this comes to in the catalogue, and nothing else" {
  group = "POS Cashier - Manager Override"

  may = [
    "pos", "pos.signon", "pos.lock", "pos.password.change", "pos.time.punch", "pos.itemsearch", "pos.sale",
    "pos.sale.item", "pos.sale.openitem", "pos.sale.quantity", "pos.sale.pricecheck", "pos.sale.suspend",
    "pos.sale.resume", "pos.void.line", "pos.tender.cash", "pos.tender.card", "pos.tender.check",
    "pos.tender.giftcard", "pos.tender.voucher", "pos.tender.loyalty", "pos.drawer.sale", "pos.drawer.reopen",
    "pos.till.open", "pos.till.safedrop", "pos.till.count", "backoffice", "backoffice.signon",
    "backoffice.xapps.pos", "backoffice.itemsearch", "backoffice.customer", "backoffice.customer.edit",
    "pos.return.receipted", "pos.return.cash", "pos.manageroverride.*", "pos.unlock.other",
    "pos.void.transaction", "pos.void.postvoid", "pos.return.nonreceipted", "pos.return.outsidepolicy",
    "pos.drawer.nosale", "pos.till.paidin", "pos.till.paidout",
  ]
  may_not = ["*"]
}

test "Manager Override approves for Sales Only what it may itself" {
  group = "POS Cashier - Manager Override"

  for "POS Cashier - Sales Only" {
    may_approve     = ["pos.drawer.nosale", "pos.return.nonreceipted", "pos.void.transaction", "pos.till.paidout"]
    may_not_approve = ["pos.price.override", "pos.drawer.force", "pos.drawer.test", "pos.sale.item"]
  }
}

test "Manager Override approves for Sales and Returns what it may itself" {
  group = "POS Cashier - Manager Override"

  for "POS Cashier - Sales and Returns" {
    may_approve     = ["pos.drawer.nosale", "pos.return.nonreceipted", "pos.void.transaction", "pos.till.paidout"]
    may_not_approve = ["pos.price.override", "pos.drawer.force", "pos.drawer.test", "pos.sale.item"]
  }
}

test "Cash Management: the POS not at all" {
  group = "Cash Management"

  may_never = ["pos.*"]
}

test "Cash Management: BackOffice can Till Balance and Safe Journal, and the Till Balance Summary Report" {
  group = "Cash Management"

  may = [
    "backoffice", "backoffice.signon", "backoffice.cash.*", "backoffice.cash.tillbalance",
    "backoffice.cash.safejournal", "backoffice.reports.tillbalancesummary",
  ]
}

test "Cash Management: BackOffice can not other X-Apps, other reporting" {
  group = "Cash Management"

  may       = ["backoffice", "backoffice.signon", "backoffice.cash.*", "backoffice.reports.tillbalancesummary"]
  may_never = ["backoffice.*"]
}

test "Reports: the POS not at all" {
  group = "Reports"

  may_never = ["pos.*"]
}

test "Reports: BackOffice can all reports" {
  group = "Reports"

  may = ["backoffice", "backoffice.signon", "backoffice.reports.*"]
}

test "Reports: BackOffice can not maintenance X-Apps" {
  group = "Reports"

  may       = ["backoffice", "backoffice.signon", "backoffice.reports.*"]
  may_never = ["backoffice.*"]
}

test "Inventory Functions: the POS not at all" {
  group = "Inventory Functions"

  may_never = ["pos.*"]
}

test "Inventory Functions: BackOffice can Physical Count, and the Inventory History Report" {
  group = "Inventory Functions"

  may = [
    "backoffice", "backoffice.signon", "backoffice.inventory.*", "backoffice.inventory.physicalcount",
    "backoffice.reports.inventoryhistory",
  ]
}

test "Inventory Functions: BackOffice can not other X-Apps, other reporting" {
  group = "Inventory Functions"

  may       = ["backoffice", "backoffice.signon", "backoffice.inventory.*", "backoffice.reports.inventoryhistory"]
  may_never = ["backoffice.*"]
}

test "Store/Local Data Maintenance: the POS not at all" {
  group = "Store/Local Data Maintenance"

  may_never = ["pos.*"]
}

test "Store/Local Data Maintenance: BackOffice can all Data Maintenance X-Apps" {
  group = "Store/Local Data Maintenance"

  may = ["backoffice", "backoffice.signon", "backoffice.data.*"]
}

test "Store/Local Data Maintenance: BackOffice can not reporting" {
  group = "Store/Local Data Maintenance"

  may       = ["backoffice", "backoffice.signon", "backoffice.data.*"]
  may_never = ["backoffice.*"]
}

test "Store/Local Operator Maintenance: the POS not at all" {
  group = "Store/Local Operator Maintenance"

  may_never = ["pos.*"]
}

test "Store/Local Operator Maintenance: BackOffice can Operator Management X-Apps" {
  group = "Store/Local Operator Maintenance"

  may = ["backoffice", "backoffice.signon", "backoffice.operator.*"]
}

test "Store/Local Operator Maintenance: BackOffice can not reporting" {
  group = "Store/Local Operator Maintenance"

  may       = ["backoffice", "backoffice.signon", "backoffice.operator.*"]
  may_never = ["backoffice.*"]
}

test "Enterprise Data Maintenance: the POS not at all" {
  group = "Enterprise Data Maintenance"

  may_never = ["pos.*"]
}

test "Enterprise Data Maintenance: BackOffice can all Data Maintenance X-Apps" {
  group = "Enterprise Data Maintenance"

  may = ["backoffice", "backoffice.signon", "backoffice.data.*"]
}

test "Enterprise Data Maintenance: BackOffice can not reporting" {
  group = "Enterprise Data Maintenance"

  may       = ["backoffice", "backoffice.signon", "backoffice.data.*"]
  may_never = ["backoffice.*"]
}

test "Enterprise Item Maintenance: the POS not at all" {
  group = "Enterprise Item Maintenance"

  may_never = ["pos.*"]
}

test "Enterprise Item Maintenance: BackOffice can Item Maintenance, and the Item Price Modifications Report" {
  group = "Enterprise Item Maintenance"

  may = [
    "backoffice", "backoffice.signon", "backoffice.item.*", "backoffice.item.maintenance",
    "backoffice.reports.itempricemod",
  ]
}

test "Enterprise Item Maintenance: BackOffice can not other X-Apps, other reporting" {
  group = "Enterprise Item Maintenance"

  may       = ["backoffice", "backoffice.signon", "backoffice.item.*", "backoffice.reports.itempricemod"]
  may_never = ["backoffice.*"]
}

test "Enterprise Promotion Maintenance: the POS not at all" {
  group = "Enterprise Promotion Maintenance"

  may_never = ["pos.*"]
}

test "Enterprise Promotion Maintenance: BackOffice can Promotion Maintenance, and the Promotional Sales Report" {
  group = "Enterprise Promotion Maintenance"

  may = ["backoffice", "backoffice.signon", "backoffice.promotion.*", "backoffice.reports.promotionalsales"]
}

test "Enterprise Promotion Maintenance: BackOffice can not other X-Apps, other reporting" {
  group = "Enterprise Promotion Maintenance"

  may       = ["backoffice", "backoffice.signon", "backoffice.promotion.*", "backoffice.reports.promotionalsales"]
  may_never = ["backoffice.*"]
}

test "Enterprise Customer Maintenance: the POS not at all" {
  group = "Enterprise Customer Maintenance"

  may_never = ["pos.*"]
}

test "Enterprise Customer Maintenance: BackOffice can Customer Maintenance, and the Customer Sales History Report" {
  group = "Enterprise Customer Maintenance"

  may = [
    "backoffice", "backoffice.signon", "backoffice.customer.*", "backoffice.reports.customersaleshistory",
  ]
}

test "Enterprise Customer Maintenance: BackOffice can not other X-Apps, other reporting" {
  group = "Enterprise Customer Maintenance"

  may = [
    "backoffice", "backoffice.signon", "backoffice.customer.*", "backoffice.reports.customersaleshistory",
  ]
  may_never = ["backoffice.*"]
}

test "Enterprise Operator Maintenance: the POS not at all" {
  group = "Enterprise Operator Maintenance"

  may_never = ["pos.*"]
}

test "Enterprise Operator Maintenance: BackOffice can Operator Management X-Apps" {
  group = "Enterprise Operator Maintenance"

  may = ["backoffice", "backoffice.signon", "backoffice.operator.*"]
}

test "Enterprise Operator Maintenance: BackOffice can not reporting" {
  group = "Enterprise Operator Maintenance"

  may       = ["backoffice", "backoffice.signon", "backoffice.operator.*"]
  may_never = ["backoffice.*"]
}

# The four work groups of its examples.

test "Cashier: Customer Purchase History and Customer House Account can be used" {
  group = "Cashier"

  may = ["pos.customer.purchasehistory", "pos.customer.houseaccount"]
}

test "Manager: Customer Purchase History and Customer House Account can be used" {
  group = "Manager"

  may = ["pos.customer.purchasehistory", "pos.customer.houseaccount"]
}

test "Corporate: Customer Purchase History and Customer House Account can not be used" {
  group = "Corporate"

  may_never = ["pos.customer.purchasehistory", "pos.customer.houseaccount"]
}

test "Support: Customer Purchase History and Customer House Account can not be used" {
  group = "Support"

  may_never = ["pos.customer.purchasehistory", "pos.customer.houseaccount"]
}

test "Cashier: neither uses nor modifies Clock In Not Required and Forced Break" {
  group = "Cashier"

  may_never = ["pos.clockin.notrequired", "pos.forcedbreak", "backoffice.security.*"]
}

test "Manager: Clock In Not Required, blank under POS, and Forced Break, by its own check" {
  group = "Manager"

  may = ["pos", "pos.clockin.notrequired", "pos.forcedbreak"]
}

test "Cashier: of promotions only views Instant Savings" {
  group = "Cashier"

  may       = ["backoffice.promotion.instantsavings.view"]
  may_never = ["backoffice.promotion.*"]
}

test "Manager: full use of Instant Savings" {
  group = "Manager"

  may = ["backoffice.promotion.instantsavings", "backoffice.promotion.instantsavings.view"]
}

test "Corporate: full use of Instant Savings" {
  group = "Corporate"

  may = ["backoffice.promotion.instantsavings", "backoffice.promotion.instantsavings.view"]
}

test "Support: full use of Instant Savings" {
  group = "Support"

  may = ["backoffice.promotion.instantsavings", "backoffice.promotion.instantsavings.view"]
}
