// Projects places to points of the canvas: the globe seen from far away, or the flat map.

const view = {
  isGlobe: true,
  width: 1, height: 1,
  // The globe: what is in the middle, in degrees.
  longitude: 12, latitude: 24, zoom: 1,
  // The flat map: what is in the middle, in its own units.
  flatX: 0, flatY: 0, flatZoom: 1,
  // Derived from these.
  centreX: 0, centreY: 0, radius: 1, scale: 1,
  /** The scale of the page's font: lines, marks and names in pictures follow it. */
  unit: 1,
  /** Incremented when pictures must be drawn again. */
  version: 0,
};

/** The axes of the view: right, up, towards the eye. */
const axes = { rx: 0, ry: 1, ux: 0, uy: 0, uz: 1, ex: 1, ey: 0, ez: 0 };

/** The result of `project`; `front` is false on the far side. */
const point = { x: 0, y: 0, front: true };

function aim() {
  view.latitude = Math.max(-88, Math.min(88, view.latitude));
  view.longitude = ((((view.longitude + 180) % 360) + 360) % 360) - 180;
  view.zoom = Math.max(0.7, Math.min(14, view.zoom));
  view.flatZoom = Math.max(1, Math.min(14, view.flatZoom));
  const sl = Math.sin(view.longitude * radian), cl = Math.cos(view.longitude * radian);
  const sp = Math.sin(view.latitude * radian), cp = Math.cos(view.latitude * radian);
  axes.rx = -sl;
  axes.ry = cl;
  axes.ux = -sp * cl;
  axes.uy = -sp * sl;
  axes.uz = cp;
  axes.ex = cp * cl;
  axes.ey = cp * sl;
  axes.ez = sp;
  view.centreX = view.width / 2;
  view.centreY = view.height / 2;
  view.radius = (Math.min(view.width, view.height) / 2) * 0.87 * view.zoom;
  view.scale = Math.min(view.width / (2.06 * flatWidth), view.height / (2.12 * flatHeight)) * view.flatZoom;
  const roomX = Math.max(0, flatWidth - view.width / 2 / view.scale * 0.9);
  const roomY = Math.max(0, flatHeight - view.height / 2 / view.scale * 0.9);
  view.flatX = Math.max(-roomX, Math.min(roomX, view.flatX));
  view.flatY = Math.max(-roomY, Math.min(roomY, view.flatY));
  view.version++;
}

/** @param x,y,z the place on the unit sphere, times 1 and its height.
 *  @param u,v the place on the flat map. */
function project(x, y, z, u, v) {
  if (view.isGlobe) {
    point.x = view.centreX + view.radius * (axes.rx * x + axes.ry * y);
    point.y = view.centreY - view.radius * (axes.ux * x + axes.uy * y + axes.uz * z);
    point.front = axes.ex * x + axes.ey * y + axes.ez * z > 0;
  } else {
    point.x = view.centreX + (u - view.flatX) * view.scale;
    point.y = view.centreY - (v - view.flatY) * view.scale;
    point.front = true;
  }
}

/** Returns the position at a point of the canvas; null outside the world. */
function positionAt(px, py) {
  if (!view.isGlobe) {
    return flatPosition((px - view.centreX) / view.scale + view.flatX, (view.centreY - py) / view.scale + view.flatY);
  }
  const x = (px - view.centreX) / view.radius, y = (view.centreY - py) / view.radius;
  const square = x * x + y * y;
  if (square > 1) return null;
  const z = Math.sqrt(1 - square);
  const [wx, wy, wz] = [
    axes.rx * x + axes.ux * y + axes.ex * z, axes.ry * x + axes.uy * y + axes.ey * z, axes.uz * y + axes.ez * z,
  ];
  return { latitude: Math.asin(Math.max(-1, Math.min(1, wz))) / radian, longitude: Math.atan2(wy, wx) / radian };
}
