// Every user of places needs addresses, too.
@_exported import Addresses
