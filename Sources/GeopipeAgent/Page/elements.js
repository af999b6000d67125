// Elements of the page: text is inserted as text only, and lists reuse their elements, so that the page never grows.

const element = (id) => document.getElementById(id);

function make(tag, className = "", text = "") {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

function makeDrawn(tag, attributes) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  return node;
}

/** Sets a text only if it differs: this is called each second for all texts. */
function setText(node, text) {
  const first = node.firstChild;
  if (first !== null && first.nodeType === 3 && first === node.lastChild) {
    if (first.data !== text) first.data = text;
  } else {
    node.textContent = text;
  }
}

/** Sets text from outside, which the layout may truncate: the title has all of it. */
function setName(node, raw, words = visible(raw)) {
  setText(node, words);
  if (node.title !== words) node.title = words;
}

function setAttribute(node, name, value) {
  if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** Gives a list as many children as it has items, and calls `update(child, item, position)` for each. */
function fill(parent, items, makeChild, update) {
  while (parent.childElementCount > items.length) parent.lastElementChild.remove();
  while (parent.childElementCount < items.length) parent.append(makeChild());
  let child = parent.firstElementChild;
  for (let position = 0; position < items.length; position++) {
    update(child, items[position], position);
    child = child.nextElementSibling;
  }
}

function setWidth(node, part) {
  const width = Math.round(Math.max(0, Math.min(1, part || 0)) * 1000) / 10 + "%";
  if (node.style.width !== width) node.style.width = width;
}

// The tip that describes what is under the pointer or has the focus.

function showTip(lines, x, y) {
  const tip = element("tip");
  fill(tip, lines, () => make("p"), (node, line) => setText(node, line));
  tip.hidden = false;
  const { offsetWidth: width, offsetHeight: height } = tip;
  tip.style.left = Math.max(4, Math.min(innerWidth - width - 4, x + 14)) + "px";
  tip.style.top = Math.max(4, y + 18 + height > innerHeight ? y - height - 10 : y + 18) + "px";
}

function hideTip() {
  element("tip").hidden = true;
}
