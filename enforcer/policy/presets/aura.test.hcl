# What Aura recommends for each employee category, permission by permission, in its own order. Its "Prohibited" is
# may_not: it can be lent where the catalogue says so, as in Aura another's password does.

test "Driver: To Assign Driver" {
  group = "Aura Driver"

  may = ["pos.delivery.assigndriver"]
}

test "Driver: nothing else" {
  group = "Aura Driver"

  may     = ["pos", "pos.signon", "pos.delivery.assigndriver"]
  may_not = ["*"]
}

test "Cashier: To Access The Menu Item Selector" {
  group = "Aura Cashier"

  may = ["pos.order.itemselector"]
}

test "Cashier: To Adjust Invoice Line Quantity" {
  group = "Aura Cashier"

  may = ["pos.order.linequantity"]
}

test "Cashier: To Assign Driver" {
  group = "Aura Cashier"

  may = ["pos.delivery.assigndriver"]
}

test "Cashier: To Process a Credit Card Transaction" {
  group = "Aura Cashier"

  may = ["pos.tender.card"]
}

test "Cashier: To Process Invoices" {
  group = "Aura Cashier"

  may = ["pos.sale.item", "pos.tender.cash", "pos.drawer.sale"]
}

test "Cashier: To Delete Unsaved Invoice Line" {
  group = "Aura Cashier"

  may = ["pos.order.deleteunsavedline"]
}

test "Cashier: nothing else" {
  group = "Aura Cashier"

  may = [
    "pos", "pos.signon", "pos.order.itemselector", "pos.order.linequantity", "pos.delivery.assigndriver",
    "pos.tender.card", "pos.sale.item", "pos.tender.cash", "pos.drawer.sale", "pos.order.deleteunsavedline",
  ]
  may_not = ["*"]
}

test "Waiter: the cashier's set" {
  group = "Aura Waiter"

  may = [
    "pos.order.itemselector", "pos.order.linequantity", "pos.tender.card", "pos.sale.item", "pos.tender.cash",
    "pos.drawer.sale", "pos.order.deleteunsavedline",
  ]
}

test "Waiter: less Assign Driver" {
  group = "Aura Waiter"

  may_not = ["pos.delivery.assigndriver"]
}

test "Waiter: To Close A Table" {
  group = "Aura Waiter"

  may = ["pos.table.close"]
}

test "Waiter: To Edit An Already Assigned Table" {
  group = "Aura Waiter"

  may = ["pos.table.editassigned"]
}

test "Waiter: To Modify Invoices" {
  group = "Aura Waiter"

  may = ["pos.order.modify"]
}

test "Waiter: To Void An Invoice Line" {
  group = "Aura Waiter"

  may = ["pos.void.line"]
}

test "Waiter: To Split or Group an Invoice" {
  group = "Aura Waiter"

  may = ["pos.order.splitorgroup"]
}

test "Waiter: nothing else" {
  group = "Aura Waiter"

  may = [
    "pos", "pos.signon", "pos.order.itemselector", "pos.order.linequantity", "pos.tender.card",
    "pos.sale.item", "pos.tender.cash", "pos.drawer.sale", "pos.order.deleteunsavedline", "pos.table.close",
    "pos.table.editassigned", "pos.order.modify", "pos.void.line", "pos.order.splitorgroup",
  ]
  may_not = ["*"]
}

test "Manager: the above" {
  group = "Aura Manager"

  may = [
    "pos.order.itemselector", "pos.order.linequantity", "pos.delivery.assigndriver", "pos.tender.card",
    "pos.sale.item", "pos.tender.cash", "pos.drawer.sale", "pos.order.deleteunsavedline", "pos.table.close",
    "pos.table.editassigned", "pos.order.modify", "pos.void.line", "pos.order.splitorgroup",
  ]
}

test "Manager: To Close Any Table" {
  group = "Aura Manager"

  may = ["pos.table.closeany"]
}

test "Manager: To Abandon An Invoice" {
  group = "Aura Manager"

  may = ["pos.order.abandon"]
}

test "Manager: To Access Expense Payments, To Add An Expense Payment" {
  group = "Aura Manager"

  may = ["pos.till.paidout"]
}

test "Manager: To Access Menu Items, To Access Stock Items" {
  group = "Aura Manager"

  may = ["backoffice.item.maintenance"]
}

test "Manager: To Authorise a Transaction Refund" {
  group = "Aura Manager"

  may = ["pos.return.receipted", "pos.return.cash"]
}

test "Manager: To Authorise Any Staff Meal" {
  group = "Aura Manager"

  may = ["pos.order.staffmeal"]
}

test "Manager: To Authorise Discounts" {
  group = "Aura Manager"

  may = [
    "pos.discount.line.amount", "pos.discount.line.percent", "pos.discount.total.amount",
    "pos.discount.total.percent",
  ]
}

test "Manager: To Browse Old Invoices" {
  group = "Aura Manager"

  may = ["pos.order.browseold"]
}

test "Manager: To Browse Shop Cashup Data" {
  group = "Aura Manager"

  may = ["backoffice.reports.tillbalancesummary"]
}

test "Manager: To Cashup a Waiter" {
  group = "Aura Manager"

  may = ["pos.till.waitercashup"]
}

# Authorising is lending: what a waiter is asked a password for, the manager gives it for.
test "Manager: authorises for a waiter" {
  group = "Aura Manager"

  for "Aura Waiter" {
    may_approve = [
      "pos.return.receipted", "pos.return.cash", "pos.discount.line.amount", "pos.discount.total.percent",
      "pos.till.paidout",
    ]

    may_not_approve = ["pos.drawer.nosale", "pos.void.transaction", "pos.table.closeany"]
  }
}

# Its list is cut after "To Change Invoice Allocati": what may follow is not given.
test "Manager: nothing else, as far as the list is known" {
  group = "Aura Manager"

  may = [
    "pos", "pos.signon", "pos.manageroverride.*", "backoffice", "backoffice.signon", "pos.order.itemselector",
    "pos.order.linequantity", "pos.delivery.assigndriver", "pos.tender.card", "pos.sale.item",
    "pos.tender.cash", "pos.drawer.sale", "pos.order.deleteunsavedline", "pos.table.close",
    "pos.table.editassigned", "pos.order.modify", "pos.void.line", "pos.order.splitorgroup",
    "pos.table.closeany", "pos.order.abandon", "pos.till.paidout", "backoffice.item.maintenance",
    "pos.return.receipted", "pos.return.cash", "pos.order.staffmeal", "pos.discount.line.amount",
    "pos.discount.line.percent", "pos.discount.total.amount", "pos.discount.total.percent",
    "pos.order.browseold", "backoffice.reports.tillbalancesummary", "pos.till.waitercashup",
  ]
  may_not = ["*"]
}
