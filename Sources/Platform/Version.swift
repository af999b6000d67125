/// The version of geopipe.
public let geopipeVersion = "0.1.0"
