"""TMF622 for partners: ready orders go the way of carts, and every order is shown, changed while it is a draft, and cancelled."""
