/// The version of geopipe, as it introduces itself.
public let geopipeVersion = "0.1.0"
