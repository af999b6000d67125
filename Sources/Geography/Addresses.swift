// Whatever looks at places looks at addresses.
@_exported import Addresses
