# The shipped catalogue, version 1.
#
# An id keeps its meaning for ever and is never given to another function; a
# function that goes away leaves its id unused. Ids below 10000 belong to this
# file, a chain's own functions begin at 10000.
#
# override = "manager": an operator with Manager Override who may do it too can
# approve it for somebody else. Where nothing is said nobody can.
# accountable: not approved by anybody who held a session on this till since it
# was opened. drawer: causes or needs an open cash drawer. protected: not
# editable from Security Maintenance itself.

catalogue {
  version = 1
}

function "pos" {
  id    = 1000
  name  = "POS"
  since = 1
}

function "pos.signon" {
  id     = 1001
  name   = "SignOn to register"
  parent = "pos"
  since  = 1
}

function "pos.lock" {
  id     = 1002
  name   = "Lock register"
  parent = "pos"
  since  = 1
}

function "pos.unlock.other" {
  id       = 1003
  name     = "Unlock a register locked by someone else"
  parent   = "pos"
  since    = 1
  override = "manager"
}

function "pos.signon.multiple" {
  id     = 1004
  name   = "Sign on to another operator's shift/drawer"
  parent = "pos"
  since  = 1
}

function "pos.clockin.notrequired" {
  id     = 1005
  name   = "ClockInNotRequired"
  parent = "pos"
  since  = 1
}

function "pos.forcedbreak" {
  id     = 1006
  name   = "ForcedBreak"
  parent = "pos"
  since  = 1
}

function "pos.manageroverride" {
  id     = 1007
  name   = "Manager Override"
  parent = "pos"
  since  = 1
}

function "pos.manageroverride.monitor" {
  id        = 1030
  name      = "Begin/end monitor mode"
  parent    = "pos.manageroverride"
  since     = 1
  protected = true
}

function "pos.manageroverride.breakglass" {
  id        = 1031
  name      = "Begin/end break-glass"
  parent    = "pos.manageroverride"
  since     = 1
  protected = true
}

function "pos.training" {
  id     = 1009
  name   = "Training / practice mode"
  parent = "pos"
  since  = 1
}

function "pos.offline.operate" {
  id     = 1010
  name   = "Operate while policy is stale/offline"
  parent = "pos"
  since  = 1
}

function "pos.password.change" {
  id     = 1011
  name   = "Change own password/PIN"
  parent = "pos"
  since  = 1
}

function "pos.signon.nodrawer" {
  id     = 1012
  name   = "Sign on without drawer"
  parent = "pos"
  since  = 1
}

function "pos.sale" {
  id     = 1100
  name   = "Sales application"
  parent = "pos"
  since  = 1
}

function "pos.sale.item" {
  id     = 1101
  name   = "Sell item"
  parent = "pos.sale"
  since  = 1
}

function "pos.sale.openitem" {
  id       = 1102
  name     = "Open/misc/custom amount item"
  parent   = "pos.sale"
  since    = 1
  override = "manager"
}

function "pos.sale.quantity" {
  id     = 1103
  name   = "Change quantity"
  parent = "pos.sale"
  since  = 1
}

function "pos.sale.pricecheck" {
  id     = 1104
  name   = "Price check"
  parent = "pos.sale"
  since  = 1
}

function "pos.sale.suspend" {
  id     = 1105
  name   = "Suspend transaction"
  parent = "pos.sale"
  since  = 1
}

function "pos.sale.resume" {
  id     = 1106
  name   = "Resume/recall transaction"
  parent = "pos.sale"
  since  = 1
}

function "pos.sale.suspended.void" {
  id       = 1107
  name     = "Void suspended transactions"
  parent   = "pos.sale"
  since    = 1
  override = "manager"
}

function "pos.sale.agerestricted" {
  id       = 1108
  name     = "Age-restricted item override"
  parent   = "pos.sale"
  since    = 1
  override = "manager"
}

function "pos.sale.zeroornegative" {
  id       = 1109
  name     = "Zero/negative-total sale"
  parent   = "pos.sale"
  since    = 1
  override = "manager"
}

function "pos.sale.order.create" {
  id     = 1110
  name   = "Customer order / layaway create"
  parent = "pos.sale"
  since  = 1
}

function "pos.sale.order.edit" {
  id       = 1111
  name     = "Edit/cancel customer order"
  parent   = "pos.sale"
  since    = 1
  override = "manager"
}

function "pos.sale.deposit.override" {
  id       = 1112
  name     = "Override order deposit"
  parent   = "pos.sale"
  since    = 1
  override = "manager"
}

function "pos.sale.others.view" {
  id     = 1113
  name   = "Work on other operators' orders"
  parent = "pos.sale"
  since  = 1
}

function "pos.price" {
  id     = 1200
  name   = "Price and discount application"
  parent = "pos"
  since  = 1
}

function "pos.price.override" {
  id       = 1201
  name     = "Price override"
  parent   = "pos.price"
  since    = 1
  override = "manager"
}

function "pos.price.belowcost" {
  id       = 1202
  name     = "Sell below cost/list"
  parent   = "pos.price"
  since    = 1
  override = "manager"
}

function "pos.discount.line.amount" {
  id       = 1203
  name     = "Line discount amount"
  parent   = "pos.price"
  since    = 1
  override = "manager"
}

function "pos.discount.line.percent" {
  id       = 1204
  name     = "Line discount %"
  parent   = "pos.price"
  since    = 1
  override = "manager"
}

function "pos.discount.total.amount" {
  id       = 1205
  name     = "Transaction discount amount"
  parent   = "pos.price"
  since    = 1
  override = "manager"
}

function "pos.discount.total.percent" {
  id       = 1206
  name     = "Transaction discount %"
  parent   = "pos.price"
  since    = 1
  override = "manager"
}

function "pos.discount.overmax" {
  id       = 1207
  name     = "Discount beyond maximum"
  parent   = "pos.price"
  since    = 1
  override = "manager"
}

function "pos.discount.removesystem" {
  id       = 1208
  name     = "Remove system discounts"
  parent   = "pos.price"
  since    = 1
  override = "manager"
}

function "pos.discount.employee" {
  id       = 1209
  name     = "Employee discount"
  parent   = "pos.price"
  since    = 1
  override = "manager"
}

function "pos.coupon.manual" {
  id       = 1210
  name     = "Manual / manufacturer coupon"
  parent   = "pos.price"
  since    = 1
  override = "manager"
}

function "pos.tax.override.line" {
  id       = 1211
  name     = "Line tax override"
  parent   = "pos.price"
  since    = 1
  override = "manager"
}

function "pos.tax.override.transaction" {
  id       = 1212
  name     = "Transaction tax override / exempt"
  parent   = "pos.price"
  since    = 1
  override = "manager"
}

function "pos.price.instantsavings" {
  id     = 1213
  name   = "Apply/suppress Instant Savings at the register"
  parent = "pos.price"
  since  = 1
}

function "pos.void" {
  id     = 1300
  name   = "Void application"
  parent = "pos"
  since  = 1
}

function "pos.void.line" {
  id       = 1301
  name     = "Line void"
  parent   = "pos.void"
  since    = 1
  override = "manager"
}

function "pos.void.line.sent" {
  id       = 1302
  name     = "Void line already sent/printed"
  parent   = "pos.void"
  since    = 1
  override = "manager"
}

function "pos.void.transaction" {
  id       = 1303
  name     = "Transaction void"
  parent   = "pos.void"
  since    = 1
  override = "manager"
}

function "pos.void.postvoid" {
  id       = 1304
  name     = "Post void"
  parent   = "pos.void"
  since    = 1
  override = "manager"
  drawer   = true
}

function "pos.void.payment" {
  id       = 1305
  name     = "Void payment line"
  parent   = "pos.void"
  since    = 1
  override = "manager"
}

function "pos.return" {
  id     = 1400
  name   = "Returns application"
  parent = "pos"
  since  = 1
}

function "pos.return.receipted" {
  id       = 1401
  name     = "Return with receipt"
  parent   = "pos.return"
  since    = 1
  override = "manager"
  drawer   = true
}

function "pos.return.nonreceipted" {
  id       = 1402
  name     = "Return without receipt"
  parent   = "pos.return"
  since    = 1
  override = "manager"
  drawer   = true
}

function "pos.return.outsidepolicy" {
  id       = 1403
  name     = "Return outside policy/date"
  parent   = "pos.return"
  since    = 1
  override = "manager"
}

function "pos.return.cash" {
  id       = 1404
  name     = "Refund in cash"
  parent   = "pos.return"
  since    = 1
  override = "manager"
  drawer   = true
}

function "pos.return.othertender" {
  id       = 1405
  name     = "Refund to a different tender"
  parent   = "pos.return"
  since    = 1
  override = "manager"
}

function "pos.return.service" {
  id       = 1406
  name     = "Return a service line"
  parent   = "pos.return"
  since    = 1
  override = "manager"
}

function "pos.return.owntransaction" {
  id       = 1407
  name     = "Refund a sale rung by oneself"
  parent   = "pos.return"
  since    = 1
  override = "manager"
}

function "pos.return.creditmemo" {
  id       = 1408
  name     = "Issue credit memo/voucher"
  parent   = "pos.return"
  since    = 1
  override = "manager"
}

function "pos.tender" {
  id     = 1500
  name   = "Tender application"
  parent = "pos"
  since  = 1
}

function "pos.tender.cash" {
  id     = 1501
  name   = "Take cash"
  parent = "pos.tender"
  since  = 1
  drawer = true
}

function "pos.tender.card" {
  id     = 1502
  name   = "Card"
  parent = "pos.tender"
  since  = 1
}

function "pos.tender.card.manual" {
  id       = 1503
  name     = "Key-entered / manual credit"
  parent   = "pos.tender"
  since    = 1
  override = "manager"
}

function "pos.tender.card.offline" {
  id       = 1504
  name     = "Offline card authorisation"
  parent   = "pos.tender"
  since    = 1
  override = "manager"
}

function "pos.tender.check" {
  id     = 1505
  name   = "Check"
  parent = "pos.tender"
  since  = 1
  drawer = true
}

function "pos.tender.check.overlimit" {
  id       = 1506
  name     = "Check over limit"
  parent   = "pos.tender"
  since    = 1
  override = "manager"
}

function "pos.tender.travelers" {
  id     = 1507
  name   = "Travelers check"
  parent = "pos.tender"
  since  = 1
  drawer = true
}

function "pos.tender.currency" {
  id     = 1508
  name   = "Foreign currency"
  parent = "pos.tender"
  since  = 1
  drawer = true
}

function "pos.tender.houseaccount" {
  id       = 1509
  name     = "House account / A/R tender"
  parent   = "pos.tender"
  since    = 1
  override = "manager"
}

function "pos.tender.creditlimit" {
  id       = 1510
  name     = "Exceed customer credit limit"
  parent   = "pos.tender"
  since    = 1
  override = "manager"
}

function "pos.tender.giftcard" {
  id     = 1511
  name   = "Gift card tender"
  parent = "pos.tender"
  since  = 1
}

function "pos.tender.voucher" {
  id     = 1512
  name   = "Credit memo / voucher tender"
  parent = "pos.tender"
  since  = 1
}

function "pos.tender.cashback" {
  id     = 1513
  name   = "Cash back"
  parent = "pos.tender"
  since  = 1
  drawer = true
}

function "pos.tender.loyalty" {
  id     = 1514
  name   = "Loyalty redemption"
  parent = "pos.tender"
  since  = 1
}

function "pos.drawer" {
  id     = 1600
  name   = "Cash drawer application"
  parent = "pos"
  since  = 1
  drawer = true
}

function "pos.drawer.sale" {
  id     = 1601
  name   = "Drawer open as part of a tendered sale"
  parent = "pos.drawer"
  since  = 1
  drawer = true
}

function "pos.drawer.nosale" {
  id       = 1602
  name     = "No Sale / open drawer without sale"
  parent   = "pos.drawer"
  since    = 1
  override = "manager"
  drawer   = true
}

function "pos.drawer.force" {
  id       = 1603
  name     = "Force/emergency drawer open"
  parent   = "pos.drawer"
  since    = 1
  override = "manager"
  drawer   = true
}

function "pos.drawer.other" {
  id       = 1604
  name     = "Open a drawer assigned to someone else"
  parent   = "pos.drawer"
  since    = 1
  override = "manager"
  drawer   = true
}

function "pos.drawer.second" {
  id     = 1605
  name   = "Open second drawer"
  parent = "pos.drawer"
  since  = 1
  drawer = true
}

function "pos.drawer.afterhours" {
  id       = 1606
  name     = "Open outside trading hours"
  parent   = "pos.drawer"
  since    = 1
  override = "manager"
  drawer   = true
}

function "pos.drawer.test" {
  id     = 1607
  name   = "Service pulse"
  parent = "pos.drawer"
  since  = 1
  drawer = true
}

function "pos.drawer.whileopen.sell" {
  id       = 1608
  name     = "Continue selling while the drawer is open"
  parent   = "pos.drawer"
  since    = 1
  override = "manager"
}

function "pos.drawer.reopen" {
  id     = 1609
  name   = "Reopen drawer after a sale"
  parent = "pos.drawer"
  since  = 1
  drawer = true
}

function "pos.till" {
  id     = 1700
  name   = "Till application"
  parent = "pos"
  since  = 1
}

function "pos.till.open" {
  id     = 1701
  name   = "Open register / declare starting balance"
  parent = "pos.till"
  since  = 1
  drawer = true
}

function "pos.till.float" {
  id     = 1702
  name   = "Float entry / loan"
  parent = "pos.till"
  since  = 1
  drawer = true
}

function "pos.till.pickup" {
  id          = 1703
  name        = "Pickup / tender removal"
  parent      = "pos.till"
  since       = 1
  override    = "manager"
  drawer      = true
  accountable = true
}

function "pos.till.safedrop" {
  id          = 1704
  name        = "Safe drop"
  parent      = "pos.till"
  since       = 1
  drawer      = true
  accountable = true
}

function "pos.till.bankdrop" {
  id          = 1705
  name        = "Bank drop"
  parent      = "pos.till"
  since       = 1
  drawer      = true
  accountable = true
}

function "pos.till.paidin" {
  id       = 1706
  name     = "Paid in / income account"
  parent   = "pos.till"
  since    = 1
  override = "manager"
  drawer   = true
}

function "pos.till.paidout" {
  id       = 1707
  name     = "Paid out / expense / petty cash"
  parent   = "pos.till"
  since    = 1
  override = "manager"
  drawer   = true
}

function "pos.till.count" {
  id          = 1708
  name        = "Till count / tender declaration"
  parent      = "pos.till"
  since       = 1
  drawer      = true
  accountable = true
}

function "pos.till.audit" {
  id          = 1709
  name        = "Till audit mid-shift"
  parent      = "pos.till"
  since       = 1
  override    = "manager"
  drawer      = true
  accountable = true
}

function "pos.till.recount" {
  id          = 1710
  name        = "Recount after reconciliation"
  parent      = "pos.till"
  since       = 1
  override    = "manager"
  drawer      = true
  accountable = true
}

function "pos.till.viewexpected" {
  id     = 1711
  name   = "See expected amount"
  parent = "pos.till"
  since  = 1
}

function "pos.till.shift.suspend" {
  id          = 1712
  name        = "Suspend shift / remove till"
  parent      = "pos.till"
  since       = 1
  drawer      = true
  accountable = true
}

function "pos.till.shift.blindclose" {
  id          = 1713
  name        = "Blind close"
  parent      = "pos.till"
  since       = 1
  accountable = true
}

function "pos.till.shift.close" {
  id          = 1714
  name        = "Close shift / register"
  parent      = "pos.till"
  since       = 1
  drawer      = true
  accountable = true
}

function "pos.till.shift.manage" {
  id          = 1715
  name        = "Manage others' shifts / force close"
  parent      = "pos.till"
  since       = 1
  override    = "manager"
  accountable = true
}

function "pos.till.shift.shared" {
  id          = 1716
  name        = "Use / manage shared shift"
  parent      = "pos.till"
  since       = 1
  accountable = true
}

function "pos.till.variance.approve" {
  id          = 1717
  name        = "Approve count variance"
  parent      = "pos.till"
  since       = 1
  override    = "manager"
  accountable = true
}

function "pos.till.maxexceeded" {
  id       = 1718
  name     = "Exceed till maximum"
  parent   = "pos.till"
  since    = 1
  override = "manager"
}

function "pos.till.waitercashup" {
  id     = 1719
  name   = "To Cashup a Waiter"
  parent = "pos.till"
  since  = 1
}

function "pos.giftcard" {
  id     = 1800
  name   = "Gift card application"
  parent = "pos"
  since  = 1
}

function "pos.giftcard.issue" {
  id       = 1801
  name     = "Issue gift card"
  parent   = "pos.giftcard"
  since    = 1
  override = "manager"
}

function "pos.giftcard.reload" {
  id       = 1802
  name     = "Reload"
  parent   = "pos.giftcard"
  since    = 1
  override = "manager"
}

function "pos.giftcard.balance" {
  id     = 1803
  name   = "Balance"
  parent = "pos.giftcard"
  since  = 1
}

function "pos.giftcard.cashout" {
  id       = 1804
  name     = "Cash out / refund gift card"
  parent   = "pos.giftcard"
  since    = 1
  override = "manager"
  drawer   = true
}

function "pos.customer" {
  id     = 1900
  name   = "Customer application"
  parent = "pos"
  since  = 1
}

function "pos.customer.purchasehistory" {
  id     = 1901
  name   = "Customer Purchase History"
  parent = "pos.customer"
  since  = 1
}

function "pos.customer.houseaccount" {
  id     = 1902
  name   = "Customer House Account"
  parent = "pos.customer"
  since  = 1
}

function "pos.customer.add" {
  id     = 1903
  name   = "Add customer"
  parent = "pos.customer"
  since  = 1
}

function "pos.customer.edit" {
  id     = 1904
  name   = "Edit customer"
  parent = "pos.customer"
  since  = 1
}

function "pos.customer.accountpayment" {
  id     = 1905
  name   = "Payment on account"
  parent = "pos.customer"
  since  = 1
  drawer = true
}

function "pos.customer.loyalty.issue" {
  id     = 1906
  name   = "Issue loyalty card"
  parent = "pos.customer"
  since  = 1
}

function "pos.reports" {
  id     = 2000
  name   = "POS reports and journal"
  parent = "pos"
  since  = 1
}

function "pos.reports.x" {
  id     = 2001
  name   = "X report"
  parent = "pos.reports"
  since  = 1
}

function "pos.reports.z" {
  id     = 2002
  name   = "Z report / reprint Z"
  parent = "pos.reports"
  since  = 1
}

function "pos.reports.journal.view" {
  id     = 2003
  name   = "View electronic journal"
  parent = "pos.reports"
  since  = 1
}

function "pos.reports.reprint" {
  id       = 2004
  name     = "Reprint receipt"
  parent   = "pos.reports"
  since    = 1
  override = "manager"
}

function "pos.reports.giftreceipt" {
  id     = 2005
  name   = "Gift receipt"
  parent = "pos.reports"
  since  = 1
}

function "pos.time" {
  id     = 2100
  name   = "Time clock"
  parent = "pos"
  since  = 1
}

function "pos.time.punch" {
  id     = 2101
  name   = "Clock in/out"
  parent = "pos.time"
  since  = 1
}

function "pos.time.view" {
  id     = 2102
  name   = "View time clock entries"
  parent = "pos.time"
  since  = 1
}

function "pos.time.edit" {
  id       = 2103
  name     = "Edit another's time"
  parent   = "pos.time"
  since    = 1
  override = "manager"
}

function "pos.device" {
  id     = 2200
  name   = "Device / technician application"
  parent = "pos"
  since  = 1
}

function "pos.device.activate" {
  id     = 2201
  name   = "Activate/enrol register"
  parent = "pos.device"
  since  = 1
}

function "pos.device.inactivate" {
  id     = 2202
  name   = "De-activate register"
  parent = "pos.device"
  since  = 1
}

function "pos.device.hardware" {
  id     = 2203
  name   = "Select/pair peripherals"
  parent = "pos.device"
  since  = 1
}

function "pos.device.health" {
  id     = 2204
  name   = "Health check"
  parent = "pos.device"
  since  = 1
}

function "pos.device.unlockperipheral" {
  id       = 2205
  name     = "Force unlock peripheral"
  parent   = "pos.device"
  since    = 1
  override = "manager"
}

function "pos.device.settings" {
  id     = 2206
  name   = "Change device settings"
  parent = "pos.device"
  since  = 1
}

function "pos.device.credential.enrol" {
  id       = 2207
  name     = "Enrol / remove operator card"
  parent   = "pos.device"
  since    = 1
  override = "manager"
}

function "pos.device.journal.export" {
  id     = 2208
  name   = "Export local decision journal"
  parent = "pos.device"
  since  = 1
}

function "pos.device.policy.reload" {
  id     = 2209
  name   = "Load a policy bundle by hand"
  parent = "pos.device"
  since  = 1
}

function "pos.device.exit" {
  id     = 2210
  name   = "Leave POS application"
  parent = "pos.device"
  since  = 1
}

function "pos.itemsearch" {
  id     = 2300
  name   = "Product/item search at the register"
  parent = "pos"
  since  = 1
}

function "pos.order" {
  id     = 2400
  name   = "Order application"
  parent = "pos"
  since  = 1
}

function "pos.order.itemselector" {
  id     = 2401
  name   = "To Access The Menu Item Selector"
  parent = "pos.order"
  since  = 1
}

function "pos.order.linequantity" {
  id     = 2402
  name   = "To Adjust Invoice Line Quantity"
  parent = "pos.order"
  since  = 1
}

function "pos.order.deleteunsavedline" {
  id     = 2403
  name   = "To Delete Unsaved Invoice Line"
  parent = "pos.order"
  since  = 1
}

function "pos.order.modify" {
  id     = 2404
  name   = "To Modify Invoices"
  parent = "pos.order"
  since  = 1
}

function "pos.order.splitorgroup" {
  id     = 2405
  name   = "To Split or Group an Invoice"
  parent = "pos.order"
  since  = 1
}

function "pos.order.abandon" {
  id     = 2406
  name   = "To Abandon An Invoice"
  parent = "pos.order"
  since  = 1
}

function "pos.order.staffmeal" {
  id     = 2407
  name   = "To Authorise Any Staff Meal"
  parent = "pos.order"
  since  = 1
}

function "pos.order.browseold" {
  id     = 2408
  name   = "To Browse Old Invoices"
  parent = "pos.order"
  since  = 1
}

function "pos.table" {
  id     = 2500
  name   = "Table application"
  parent = "pos"
  since  = 1
}

function "pos.table.close" {
  id     = 2501
  name   = "To Close A Table"
  parent = "pos.table"
  since  = 1
}

function "pos.table.closeany" {
  id     = 2502
  name   = "To Close Any Table"
  parent = "pos.table"
  since  = 1
}

function "pos.table.editassigned" {
  id     = 2503
  name   = "To Edit An Already Assigned Table"
  parent = "pos.table"
  since  = 1
}

function "pos.delivery" {
  id     = 2600
  name   = "Delivery application"
  parent = "pos"
  since  = 1
}

function "pos.delivery.assigndriver" {
  id     = 2601
  name   = "To Assign Driver"
  parent = "pos.delivery"
  since  = 1
}

function "backoffice" {
  id    = 5000
  name  = "BackOffice"
  since = 1
}

function "backoffice.signon" {
  id     = 5001
  name   = "SignOn to the BackOffice"
  parent = "backoffice"
  since  = 1
}

function "backoffice.xapps.pos" {
  id     = 5002
  name   = "POS X-Apps from BackOffice"
  parent = "backoffice"
  since  = 1
}

function "backoffice.export" {
  id     = 5003
  name   = "Export"
  parent = "backoffice"
  since  = 1
}

function "backoffice.print" {
  id     = 5004
  name   = "Print"
  parent = "backoffice"
  since  = 1
}

function "backoffice.allstores" {
  id     = 5005
  name   = "See all stores"
  parent = "backoffice"
  since  = 1
}

function "backoffice.itemsearch" {
  id     = 5006
  name   = "Item Search X-App"
  parent = "backoffice"
  since  = 1
}

function "backoffice.cash" {
  id     = 5100
  name   = "Cash Management"
  parent = "backoffice"
  since  = 1
}

function "backoffice.cash.tillbalance" {
  id     = 5101
  name   = "Till Balance"
  parent = "backoffice.cash"
  since  = 1
}

function "backoffice.cash.tillcreate" {
  id     = 5102
  name   = "Create till"
  parent = "backoffice.cash"
  since  = 1
}

function "backoffice.cash.tillforceclose" {
  id     = 5103
  name   = "Force close till"
  parent = "backoffice.cash"
  since  = 1
}

function "backoffice.cash.safejournal" {
  id     = 5104
  name   = "Safe Journal"
  parent = "backoffice.cash"
  since  = 1
}

function "backoffice.cash.safe.deposit" {
  id     = 5105
  name   = "Safe deposit / void deposit"
  parent = "backoffice.cash"
  since  = 1
}

function "backoffice.cash.bankdeposit" {
  id     = 5106
  name   = "Bank deposit"
  parent = "backoffice.cash"
  since  = 1
}

function "backoffice.operator" {
  id     = 5200
  name   = "Operator Management"
  parent = "backoffice"
  since  = 1
}

function "backoffice.operator.view" {
  id     = 5201
  name   = "View operators"
  parent = "backoffice.operator"
  since  = 1
}

function "backoffice.operator.add" {
  id     = 5202
  name   = "Add operator"
  parent = "backoffice.operator"
  since  = 1
}

function "backoffice.operator.edit" {
  id     = 5203
  name   = "Edit operator"
  parent = "backoffice.operator"
  since  = 1
}

function "backoffice.operator.workgroup" {
  id     = 5204
  name   = "Assign work groups"
  parent = "backoffice.operator"
  since  = 1
}

function "backoffice.operator.restricted" {
  id     = 5205
  name   = "Assign restricted work groups/categories"
  parent = "backoffice.operator"
  since  = 1
}

function "backoffice.operator.credential.reset" {
  id     = 5206
  name   = "Reset password/PIN"
  parent = "backoffice.operator"
  since  = 1
}

function "backoffice.operator.card.assign" {
  id     = 5207
  name   = "Assign/revoke card"
  parent = "backoffice.operator"
  since  = 1
}

function "backoffice.operator.terminate" {
  id     = 5208
  name   = "Terminate/disable"
  parent = "backoffice.operator"
  since  = 1
}

function "backoffice.security" {
  id        = 5300
  name      = "Security Maintenance"
  parent    = "backoffice"
  since     = 1
  protected = true
}

function "backoffice.security.view" {
  id        = 5301
  name      = "View permissions"
  parent    = "backoffice.security"
  since     = 1
  protected = true
}

function "backoffice.security.edit" {
  id        = 5302
  name      = "Edit work group permissions"
  parent    = "backoffice.security"
  since     = 1
  protected = true
}

function "backoffice.security.workgroup.create" {
  id        = 5303
  name      = "Create/copy work group"
  parent    = "backoffice.security"
  since     = 1
  protected = true
}

function "backoffice.security.publish" {
  id        = 5304
  name      = "Publish policy to registers"
  parent    = "backoffice.security"
  since     = 1
  protected = true
}

function "backoffice.security.simulate" {
  id        = 5305
  name      = "Simulate/diff a change"
  parent    = "backoffice.security"
  since     = 1
  protected = true
}

function "backoffice.security.history" {
  id        = 5306
  name      = "History of rights changes"
  parent    = "backoffice.security"
  since     = 1
  protected = true
}

function "backoffice.item" {
  id     = 5400
  name   = "Item Management"
  parent = "backoffice"
  since  = 1
}

function "backoffice.item.maintenance" {
  id     = 5401
  name   = "Item Maintenance"
  parent = "backoffice.item"
  since  = 1
}

function "backoffice.item.pricechange" {
  id     = 5402
  name   = "Item price change"
  parent = "backoffice.item"
  since  = 1
}

function "backoffice.item.cost.view" {
  id     = 5403
  name   = "View cost"
  parent = "backoffice.item"
  since  = 1
}

function "backoffice.promotion" {
  id     = 5500
  name   = "Enterprise Promotion Manager"
  parent = "backoffice"
  since  = 1
}

function "backoffice.promotion.view" {
  id     = 5501
  name   = "View promotions"
  parent = "backoffice.promotion"
  since  = 1
}

function "backoffice.promotion.instantsavings" {
  id     = 5502
  name   = "Instant Savings promotions, full"
  parent = "backoffice.promotion"
  since  = 1
}

function "backoffice.promotion.conditional" {
  id     = 5503
  name   = "Conditional promotions"
  parent = "backoffice.promotion"
  since  = 1
}

function "backoffice.promotion.approve" {
  id     = 5504
  name   = "Approve/cancel promotion"
  parent = "backoffice.promotion"
  since  = 1
}

function "backoffice.promotion.simulator" {
  id     = 5505
  name   = "Pricing Simulator"
  parent = "backoffice.promotion"
  since  = 1
}

function "backoffice.promotion.instantsavings.view" {
  id     = 5506
  name   = "View Instant Savings promotions"
  parent = "backoffice.promotion"
  since  = 1
}

function "backoffice.customer" {
  id     = 5600
  name   = "Customer Maintenance"
  parent = "backoffice"
  since  = 1
}

function "backoffice.customer.edit" {
  id     = 5601
  name   = "Edit customer"
  parent = "backoffice.customer"
  since  = 1
}

function "backoffice.customer.credit" {
  id     = 5602
  name   = "Credit limits / house accounts"
  parent = "backoffice.customer"
  since  = 1
}

function "backoffice.customer.export" {
  id     = 5603
  name   = "Export customers"
  parent = "backoffice.customer"
  since  = 1
}

function "backoffice.inventory" {
  id     = 5700
  name   = "Inventory Management"
  parent = "backoffice"
  since  = 1
}

function "backoffice.inventory.physicalcount" {
  id     = 5701
  name   = "Physical Count"
  parent = "backoffice.inventory"
  since  = 1
}

function "backoffice.inventory.postcount" {
  id     = 5702
  name   = "Post count"
  parent = "backoffice.inventory"
  since  = 1
}

function "backoffice.inventory.adjust" {
  id     = 5703
  name   = "Adjustment"
  parent = "backoffice.inventory"
  since  = 1
}

function "backoffice.inventory.receive" {
  id     = 5704
  name   = "Receiving"
  parent = "backoffice.inventory"
  since  = 1
}

function "backoffice.inventory.transfer" {
  id     = 5705
  name   = "Transfer out"
  parent = "backoffice.inventory"
  since  = 1
}

function "backoffice.reports" {
  id     = 5800
  name   = "Reporting"
  parent = "backoffice"
  since  = 1
}

function "backoffice.reports.salesanalysis" {
  id     = 5801
  name   = "Sales Analysis"
  parent = "backoffice.reports"
  since  = 1
}

function "backoffice.reports.exception" {
  id     = 5802
  name   = "Exception Reporting"
  parent = "backoffice.reports"
  since  = 1
}

function "backoffice.reports.tillbalancesummary" {
  id     = 5803
  name   = "Till Balance Summary Report"
  parent = "backoffice.reports"
  since  = 1
}

function "backoffice.reports.itempricemod" {
  id     = 5804
  name   = "Item Price Modifications Report"
  parent = "backoffice.reports"
  since  = 1
}

function "backoffice.reports.promotionalsales" {
  id     = 5805
  name   = "Promotional Sales Report"
  parent = "backoffice.reports"
  since  = 1
}

function "backoffice.reports.customersaleshistory" {
  id     = 5806
  name   = "Customer Sales History Report"
  parent = "backoffice.reports"
  since  = 1
}

function "backoffice.reports.inventoryhistory" {
  id     = 5807
  name   = "Inventory History Report"
  parent = "backoffice.reports"
  since  = 1
}

function "backoffice.reports.activity.code" {
  id     = 5808
  name   = "Activity by Activity Code"
  parent = "backoffice.reports"
  since  = 1
}

function "backoffice.reports.activity.filter" {
  id     = 5809
  name   = "Activity by Activity Filter"
  parent = "backoffice.reports"
  since  = 1
}

function "backoffice.reports.activity.employee" {
  id     = 5810
  name   = "Activity by Employee"
  parent = "backoffice.reports"
  since  = 1
}

function "backoffice.reports.decisionjournal" {
  id     = 5811
  name   = "Register decision journal"
  parent = "backoffice.reports"
  since  = 1
}

function "backoffice.reports.journal.verify" {
  id     = 5812
  name   = "Verify journal integrity"
  parent = "backoffice.reports"
  since  = 1
}

function "backoffice.data" {
  id     = 5900
  name   = "Data Maintenance"
  parent = "backoffice"
  since  = 1
}

function "backoffice.data.store" {
  id     = 5901
  name   = "Store/Local Data Maintenance"
  parent = "backoffice.data"
  since  = 1
}

function "backoffice.data.enterprise" {
  id     = 5902
  name   = "Enterprise Data Maintenance"
  parent = "backoffice.data"
  since  = 1
}

function "backoffice.data.globalsettings" {
  id     = 5903
  name   = "To View or Change Global Settings"
  parent = "backoffice.data"
  since  = 1
}

function "backoffice.support" {
  id     = 6000
  name   = "Support Tools"
  parent = "backoffice"
  since  = 1
}

function "backoffice.support.registers" {
  id     = 6001
  name   = "Register status / remote health"
  parent = "backoffice.support"
  since  = 1
}

function "backoffice.support.enrol" {
  id     = 6002
  name   = "Issue register enrolment code"
  parent = "backoffice.support"
  since  = 1
}
