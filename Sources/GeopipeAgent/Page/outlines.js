// Countries: their outlines as positions, as vectors for the globe, and as points of the flat map.

const radian = Math.PI / 180;

/** Equal Earth (Šavrič, Patterson and Jenny, 2018), cut in the Bering Strait like the maps of `geopipe map`. */
const cutLongitude = -168.5;
const root3 = Math.sqrt(3);

function flatY(latitude) {
  const theta = Math.asin((root3 / 2) * Math.sin(latitude * radian));
  const t2 = theta * theta, t6 = t2 * t2 * t2;
  return theta * (1.340264 - 0.081106 * t2 + t6 * (0.000893 + 0.003796 * t2));
}

function flatX(latitude, longitude) {
  const east = longitude < cutLongitude ? longitude + 360 : longitude > cutLongitude + 360 ? longitude - 360 : longitude;
  const theta = Math.asin((root3 / 2) * Math.sin(latitude * radian));
  const t2 = theta * theta, t6 = t2 * t2 * t2;
  return (2 * root3 * (east - cutLongitude - 180) * radian * Math.cos(theta))
    / (3 * (1.340264 - 3 * 0.081106 * t2 + t6 * (7 * 0.000893 + 9 * 0.003796 * t2)));
}

const flatWidth = flatX(0, cutLongitude + 360), flatHeight = flatY(90);

/** Returns the position of a point of the flat map; null outside of it. */
function flatPosition(x, y) {
  if (Math.abs(y) > flatHeight) return null;
  let low = -90, high = 90;
  for (let round = 0; round < 40; round++) {
    const middle = (low + high) / 2;
    if (flatY(middle) < y) low = middle;
    else high = middle;
  }
  const width = flatX(low, cutLongitude + 360);
  return Math.abs(x) > width ? null : { latitude: low, longitude: cutLongitude + 180 + (x / width) * 180 };
}

/** Sets the places of an object on the globe and on the flat map; without a position it has none (`isPlaced`). */
function locate(object, { latitude, longitude }) {
  object.isPlaced = latitude !== null && longitude !== null && Math.abs(latitude) <= 90 && Math.abs(longitude) <= 360;
  const phi = object.isPlaced ? latitude * radian : 0, lambda = object.isPlaced ? longitude * radian : 0;
  object.x = Math.cos(phi) * Math.cos(lambda);
  object.y = Math.cos(phi) * Math.sin(lambda);
  object.z = Math.sin(phi);
  object.u = object.isPlaced ? flatX(latitude, longitude) : 0;
  object.v = object.isPlaced ? flatY(latitude) : 0;
}

/** The longest edge of a ring, in degrees: longer ones would cut the corner of a parallel. */
const longestEdge = 4;

function readRing(raw) {
  const numbers = raw.flat();
  const dense = [];
  for (let i = 0; i < numbers.length; i += 2) {
    const j = (i + 2) % numbers.length;
    const [x, y, dx, dy] = [numbers[i], numbers[i + 1], numbers[j] - numbers[i], numbers[j + 1] - numbers[i + 1]];
    const steps = Math.max(1, Math.ceil(Math.max(Math.abs(dx), Math.abs(dy)) / longestEdge));
    for (let step = 0; step < steps; step++) dense.push(x + (dx * step) / steps, y + (dy * step) / steps);
  }
  const count = dense.length / 2;
  const vectors = new Float32Array(count * 3);
  const middle = [0, 0, 0];
  const spot = {};
  for (let i = 0; i < count; i++) {
    locate(spot, { longitude: dense[2 * i], latitude: dense[2 * i + 1] });
    vectors.set([spot.x, spot.y, spot.z], 3 * i);
    middle[0] += spot.x;
    middle[1] += spot.y;
    middle[2] += spot.z;
  }
  const length = Math.hypot(...middle) || 1;
  const [x, y, z] = middle.map((part) => part / length);
  let cosine = 1;
  for (let i = 0; i < count; i++) {
    cosine = Math.min(cosine, vectors[3 * i] * x + vectors[3 * i + 1] * y + vectors[3 * i + 2] * z);
  }
  return { positions: dense, vectors, count, x, y, z, reach: Math.sin(Math.acos(Math.max(-1, Math.min(1, cosine)))) };
}

/** By code, the countries with outlines (`rings`, `path` of the flat map) and those that are dots. */
const countries = new Map();

function readOutlines() {
  let raw = {};
  try {
    raw = JSON.parse(element("outlines").textContent);
  } catch {
    // Without outlines, hits, datacenters and tables still work.
  }
  for (const [code, rings] of Array.isArray(raw.countries) ? raw.countries : []) {
    const country = { code, rings: rings.map(readRing), path: new Path2D(), isDot: false };
    for (const { positions } of country.rings) {
      for (let i = 0; i < positions.length; i += 2) {
        const x = flatX(positions[i + 1], positions[i]), y = flatY(positions[i + 1]);
        if (i === 0) country.path.moveTo(x, y);
        else country.path.lineTo(x, y);
      }
      country.path.closePath();
    }
    const { x, y, z } = country.rings[0];
    locate(country, { latitude: Math.asin(z) / radian, longitude: Math.atan2(y, x) / radian });
    countries.set(code, country);
  }
  for (const [code, latitude, longitude] of Array.isArray(raw.dots) ? raw.dots : []) {
    const country = { code, rings: [], path: null, isDot: true };
    locate(country, { latitude, longitude });
    countries.set(code, country);
  }
}

/** Returns the country at a position; null at sea. */
function countryAt({ latitude, longitude }) {
  const east = longitude < cutLongitude ? longitude + 360 : longitude;
  for (const country of countries.values()) {
    let isInside = false;
    for (const { positions } of country.rings) {
      for (let i = 0, j = positions.length - 2; i < positions.length; j = i, i += 2) {
        const [x1, y1, x2, y2] = [positions[i], positions[i + 1], positions[j], positions[j + 1]];
        if (y1 > latitude !== y2 > latitude && east < ((x2 - x1) * (latitude - y1)) / (y2 - y1) + x1) isInside = !isInside;
      }
    }
    if (isInside) return country;
  }
  return null;
}

/** Returns the point at which the sun is at the zenith, to about a hundredth of a degree (Astronomical Almanac, low precision). */
function sunAt(time) {
  const days = time / 86_400 - 10_957.5;
  const anomaly = (357.529 + 0.98560028 * days) * radian;
  const ecliptic = (280.459 + 0.98564736 * days + 1.915 * Math.sin(anomaly) + 0.02 * Math.sin(2 * anomaly)) * radian;
  const tilt = 23.439 * radian;
  const ascension = Math.atan2(Math.cos(tilt) * Math.sin(ecliptic), Math.cos(ecliptic)) / radian;
  const sidereal = 280.46061837 + 360.98564736629 * days;
  return {
    latitude: Math.asin(Math.sin(tilt) * Math.sin(ecliptic)) / radian,
    longitude: ((((ascension - sidereal) % 360) + 540) % 360) - 180,
  };
}
