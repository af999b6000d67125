// The picture below the hits: sea, land, borders, graticule, day and night. It is drawn only when the view changes, or a minute
// is over.

/** Traces a ring of vectors on the globe. Parts on the far side follow the rim, which encloses nothing. */
function traceRing(context, vectors, count) {
  const { centreX, centreY, radius } = view;
  const { rx, ry, ux, uy, uz, ex, ey, ez } = axes;
  let wasHidden = false, before = 0;
  for (let i = 0; i <= count; i++) {
    const at = i === count ? 0 : 3 * i;
    const x = vectors[at], y = vectors[at + 1], z = vectors[at + 2];
    const px = rx * x + ry * y, py = ux * x + uy * y + uz * z;
    if (ex * x + ey * y + ez * z >= 0) {
      if (i === 0) context.moveTo(centreX + radius * px, centreY - radius * py);
      else context.lineTo(centreX + radius * px, centreY - radius * py);
      wasHidden = false;
      continue;
    }
    const angle = Math.atan2(py, px);
    if (wasHidden) {
      let way = angle - before;
      if (way > Math.PI) way -= 2 * Math.PI;
      else if (way < -Math.PI) way += 2 * Math.PI;
      const steps = Math.floor(Math.abs(way) / 0.08);
      for (let step = 1; step <= steps; step++) {
        const part = before + (way * step) / (steps + 1);
        context.lineTo(centreX + radius * Math.cos(part), centreY - radius * Math.sin(part));
      }
    }
    const rimX = centreX + radius * Math.cos(angle), rimY = centreY - radius * Math.sin(angle);
    if (i === 0) context.moveTo(rimX, rimY);
    else context.lineTo(rimX, rimY);
    wasHidden = true;
    before = angle;
  }
  context.closePath();
}

function traceCountry(context, country) {
  for (const ring of country.rings) {
    if (axes.ex * ring.x + axes.ey * ring.y + axes.ez * ring.z < -ring.reach) continue;
    traceRing(context, ring.vectors, ring.count);
  }
}

/** Meridians and parallels every 30 degrees, as lines of vectors and as a path of the flat map. */
const graticule = { lines: [], path: null };

function makeGraticule() {
  graticule.path = new Path2D();
  const spot = {};
  const add = (positions) => {
    const vectors = new Float32Array(positions.length * 3);
    positions.forEach((position, i) => {
      locate(spot, position);
      vectors.set([spot.x, spot.y, spot.z], 3 * i);
      if (i === 0) graticule.path.moveTo(spot.u, spot.v);
      else graticule.path.lineTo(spot.u, spot.v);
    });
    graticule.lines.push(vectors);
  };
  const steps = (from, to, step) => Array.from({ length: Math.round((to - from) / step) + 1 }, (_, i) => from + i * step);
  for (let longitude = -150; longitude <= 180; longitude += 30) {
    add(steps(-80, 80, 4).map((latitude) => ({ latitude, longitude })));
  }
  for (let latitude = -60; latitude <= 60; latitude += 30) {
    add(steps(cutLongitude + 0.01, cutLongitude + 359.99, 359.98 / 90).map((longitude) => ({ latitude, longitude })));
  }
}

function traceLines(context) {
  const { centreX, centreY, radius } = view;
  const { rx, ry, ux, uy, uz, ex, ey, ez } = axes;
  for (const vectors of graticule.lines) {
    let isDown = false;
    for (let at = 0; at < vectors.length; at += 3) {
      const x = vectors[at], y = vectors[at + 1], z = vectors[at + 2];
      if (ex * x + ey * y + ez * z < 0) {
        isDown = false;
        continue;
      }
      const px = centreX + radius * (rx * x + ry * y), py = centreY - radius * (ux * x + uy * y + uz * z);
      if (isDown) context.lineTo(px, py);
      else context.moveTo(px, py);
      isDown = true;
    }
  }
}

const nightRing = new Float32Array(96 * 3);
/** The depression of the sun at the edges of night, in degrees: darkness has steps. */
const dusk = [0, 3.6, 7.2, 10.8, 14.4, 18];

/** Darkens a cap around the point opposite the sun. */
function drawNight(context, time) {
  const sun = {};
  locate(sun, sunAt(time));
  const [x, y, z] = [-sun.x, -sun.y, -sun.z];
  // Two directions at right angles to it.
  const flat = Math.hypot(x, y) || 1;
  const [ax, ay] = [-y / flat, x / flat];
  const [bx, by, bz] = [-z * ay, z * ax, x * ay - y * ax];
  context.fillStyle = look.night;
  const count = nightRing.length / 3;
  for (const depth of dusk) {
    const cosine = Math.sin(depth * radian), sine = Math.cos(depth * radian);
    for (let i = 0; i < count; i++) {
      const angle = (i / count) * 2 * Math.PI;
      const c = sine * Math.cos(angle), s = sine * Math.sin(angle);
      nightRing[3 * i] = cosine * x + c * ax + s * bx;
      nightRing[3 * i + 1] = cosine * y + c * ay + s * by;
      nightRing[3 * i + 2] = cosine * z + s * bz;
    }
    const towards = axes.ex * x + axes.ey * y + axes.ez * z;
    if (towards < -sine) continue;
    context.beginPath();
    traceRing(context, nightRing, count);
    // Around the point farthest from the eye, the rim runs in the opposite direction.
    const isInverse = -towards > cosine;
    if (isInverse) context.arc(view.centreX, view.centreY, view.radius, 0, 2 * Math.PI);
    context.fill(isInverse ? "evenodd" : "nonzero");
  }
}

function drawFlatNight(context, time) {
  const sun = sunAt(time);
  const tangent = Math.tan((Math.abs(sun.latitude) < 0.1 ? 0.1 : sun.latitude) * radian);
  const pole = tangent > 0 ? -90 : 90;
  context.fillStyle = look.night;
  context.beginPath();
  for (let step = 0; step <= 120; step++) {
    const longitude = cutLongitude + 0.01 + step * (359.98 / 120);
    const latitude = Math.atan(-Math.cos((longitude - sun.longitude) * radian) / tangent) / radian;
    if (step === 0) context.moveTo(flatX(latitude, longitude), flatY(latitude));
    else context.lineTo(flatX(latitude, longitude), flatY(latitude));
  }
  for (const [longitude, sign] of [[cutLongitude + 359.99, 1], [cutLongitude + 0.01, -1]]) {
    for (let step = 0; step <= 30; step++) {
      const latitude = sign > 0 ? pole * (step / 30) : pole * (1 - step / 30);
      const edge = Math.atan(-Math.cos((longitude - sun.longitude) * radian) / tangent) / radian;
      const bound = pole > 0 ? Math.max(latitude, edge) : Math.min(latitude, edge);
      context.lineTo(flatX(bound, longitude), flatY(bound));
    }
  }
  context.closePath();
  // Repeated until it is about as dark as on the globe.
  for (let layer = 0; layer < dusk.length - 2; layer++) context.fill();
}

let flatBorder = null, flatLand = null;

function makeFlat() {
  flatBorder = new Path2D();
  for (let step = 0; step <= 120; step++) {
    const isWest = step <= 60, latitude = isWest ? -90 + step * 3 : 90 - (step - 60) * 3;
    const x = flatX(latitude, cutLongitude + (isWest ? 0 : 360)), y = flatY(latitude);
    if (step === 0) flatBorder.moveTo(x, y);
    else flatBorder.lineTo(x, y);
  }
  flatBorder.closePath();
  flatLand = new Path2D();
  for (const country of countries.values()) if (country.path) flatLand.addPath(country.path);
}

function drawDots(context, selected) {
  for (const country of countries.values()) {
    if (!country.isDot) continue;
    project(country.x, country.y, country.z, country.u, country.v);
    if (!point.front) continue;
    const isPicked = country === selected;
    context.beginPath();
    context.arc(point.x, point.y, isPicked ? 5 : 1.6, 0, 2 * Math.PI);
    context.fillStyle = isPicked ? look.picked : look.land;
    context.fill();
    if (!isPicked) continue;
    context.strokeStyle = look.pickedEdge;
    context.lineWidth = 1.5;
    context.stroke();
  }
}

/** @param selected a country, or undefined. */
function drawWorld(context, ratio, time, selected) {
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, view.width, view.height);
  context.lineJoin = "round";
  if (view.isGlobe) drawGlobe(context, time, selected);
  else drawFlat(context, ratio, time, selected);
  drawDots(context, selected);
}

function drawGlobe(context, time, selected) {
  const { centreX, centreY, radius } = view;
  const halo = context.createRadialGradient(centreX, centreY, radius * 0.98, centreX, centreY, radius * 1.12);
  halo.addColorStop(0, look.halo);
  halo.addColorStop(1, "transparent");
  context.fillStyle = halo;
  context.beginPath();
  context.arc(centreX, centreY, radius * 1.12, 0, 2 * Math.PI);
  context.fill();
  const sea = context.createRadialGradient(centreX - radius * 0.3, centreY - radius * 0.4, radius * 0.1, centreX, centreY, radius);
  sea.addColorStop(0, look.sea);
  sea.addColorStop(1, look.seaEdge);
  context.fillStyle = sea;
  context.beginPath();
  context.arc(centreX, centreY, radius, 0, 2 * Math.PI);
  context.fill();
  context.strokeStyle = look.grid;
  context.lineWidth = 1;
  context.beginPath();
  traceLines(context);
  context.stroke();
  context.fillStyle = look.land;
  context.strokeStyle = look.border;
  context.lineWidth = 0.8;
  context.beginPath();
  for (const country of countries.values()) traceCountry(context, country);
  context.fill();
  context.stroke();
  drawNight(context, time);
  if (selected !== undefined && !selected.isDot) {
    context.fillStyle = look.picked;
    context.strokeStyle = look.pickedEdge;
    context.lineWidth = 1.5;
    context.beginPath();
    traceCountry(context, selected);
    context.fill();
    context.stroke();
  }
  context.strokeStyle = look.rim;
  context.lineWidth = 1;
  context.beginPath();
  context.arc(centreX, centreY, radius, 0, 2 * Math.PI);
  context.stroke();
}

function drawFlat(context, ratio, time, selected) {
  const scale = view.scale;
  context.setTransform(
    ratio * scale, 0, 0, -ratio * scale, ratio * (view.centreX - view.flatX * scale), ratio * (view.centreY + view.flatY * scale));
  context.fillStyle = look.sea;
  context.fill(flatBorder);
  context.save();
  context.clip(flatBorder);
  context.lineWidth = 1 / scale;
  context.strokeStyle = look.grid;
  context.stroke(graticule.path);
  context.fillStyle = look.land;
  context.strokeStyle = look.border;
  context.lineWidth = 0.8 / scale;
  context.fill(flatLand);
  context.stroke(flatLand);
  drawFlatNight(context, time);
  if (selected !== undefined && selected.path) {
    context.fillStyle = look.picked;
    context.strokeStyle = look.pickedEdge;
    context.lineWidth = 1.5 / scale;
    context.fill(selected.path);
    context.stroke(selected.path);
  }
  context.restore();
  context.lineWidth = 1 / scale;
  context.strokeStyle = look.rim;
  context.stroke(flatBorder);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
}
