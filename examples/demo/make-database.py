#!/usr/bin/env python3
"""Makes demo.mmdb, the database that examples and tests run on, from the two tables beside it.

`make demo-database` runs this. By hand: python3 -m pip install mmdb-writer==0.2.7

    networks.csv    a network, its city and its owner
    locations.csv   a city, its subdivision, country and continent, and its coordinates

The networks belong to universities and registries that have used them at one place for many years. So a real database
has them in the same country, and examples work with either database. The ids are those of GeoNames (geonames.org,
CC BY 4.0). Records have the layout of MaxMind's GeoLite2-City. The same tables give the same bytes.
"""

import csv
import ipaddress
from pathlib import Path

from mmdb_writer import MMDBWriter
from netaddr import IPSet

FOLDER = Path(__file__).resolve().parent

# A fixed date, so that each run gives the same bytes.
BUILD_EPOCH = 1767225600  # 2026-01-01 00:00 UTC

# Prefixes under which MaxMind's files repeat the IPv4 addresses, which are at ::/96.
IPV4_ALIASES = {"IPv4-mapped": "::ffff:0:0/96", "6to4": "2002::/16", "Teredo": "2001::/32"}

CONTINENTS = {
    "AF": (6255146, "Africa"),
    "AS": (6255147, "Asia"),
    "EU": (6255148, "Europe"),
    "NA": (6255149, "North America"),
    "OC": (6255151, "Oceania"),
    "SA": (6255150, "South America"),
}


class DemonstrationWriter(MMDBWriter):
    def _build_meta(self):
        return super()._build_meta() | {"build_epoch": BUILD_EPOCH}

    def alias(self, network, target):
        """Makes `network` an alias of `target`: both share one part of the search tree."""
        *path, last = branches(network)
        node = self.tree
        for bit in path:
            node = node.get_or_create(bit)
        if node[last] is not None:
            raise ValueError(f"{network} contains networks already, so it cannot be an alias")
        shared = self.tree
        for bit in branches(target):
            shared = shared[bit]
        node[last] = shared


def branches(network):
    """Returns the branches, 0 or 1, from the root of the search tree to an IPv6 network."""
    network = ipaddress.IPv6Network(network)
    bits = f"{int(network.network_address):0128b}"
    return [int(bit) for bit in bits[: network.prefixlen]]


def named(geoname_id, name, **code):
    return {**code, "geoname_id": int(geoname_id), "names": {"en": name}}


def record(location):
    country = named(location["country_id"], location["country"], iso_code=location["country_code"])
    result = {
        "city": named(location["city_id"], location["city"]),
        "continent": named(*CONTINENTS[location["continent_code"]], code=location["continent_code"]),
        "country": country,
        "location": {
            "latitude": float(location["latitude"]),
            "longitude": float(location["longitude"]),
            "time_zone": location["time_zone"],
        },
        "registered_country": country,
    }
    if location["subdivision_code"]:  # city states have none
        result["subdivisions"] = [
            named(location["subdivision_id"], location["subdivision"], iso_code=location["subdivision_code"])
        ]
    return result


def rows(name):
    with open(FOLDER / name, encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table))


def main():
    records = {location["city"]: record(location) for location in rows("locations.csv")}
    writer = DemonstrationWriter(
        ip_version=6,
        ipv4_compatible=True,
        database_type="GeoLite2-City",  # readers choose by the type's ending how to read a record
        languages=["en"],
        description="geopipe demonstration database: a few dozen networks, not the Internet",
        int_type="u32",
    )
    for row in rows("networks.csv"):
        network = ipaddress.ip_network(row["network"])  # refuses host bits
        writer.insert_network(IPSet([str(network)]), records[row["city"]])
    for network in IPV4_ALIASES.values():
        writer.alias(network, "::/96")
    writer.to_db_file(str(FOLDER / "demo.mmdb"))


if __name__ == "__main__":
    main()
