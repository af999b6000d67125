// Numbers, lists and tables: everything that the pictures show, as text.

/** A row with a bar: a name, below it what part it is of the largest, and a rate. `choose` is called when the row is chosen. */
function makeBarRow(choose) {
  const row = make("tr");
  const head = make("th");
  head.scope = "row";
  let name = head;
  if (choose) {
    name = make("button", "name pick");
    name.type = "button";
    name.addEventListener("click", () => choose(row.item));
    head.append(name);
  } else {
    name = make("span", "name");
    head.append(name);
  }
  const bar = make("span", "bar");
  const track = make("span", "bar-track");
  track.append(bar);
  head.append(track);
  row.append(head, make("td", "number"));
  Object.assign(row, { nameNode: name, bar });
  return row;
}

/** @param words a function that returns the text of an item. */
function fillBars(id, items, words, choose, colour) {
  const most = items.reduce((most, item) => Math.max(most, item.rate), 0) || 1;
  fill(element(id), items, () => makeBarRow(choose), (row, item) => {
    row.item = item;
    setName(row.nameNode, "", words(item));
    setWidth(row.bar, item.rate / most);
    const wanted = colour ? colour(item) : "";
    if (row.bar.style.backgroundColor !== wanted) row.bar.style.backgroundColor = wanted;
    setText(row.lastChild, rateWords(item.rate));
  });
  const table = element(id).parentElement;
  setAttribute(table, "data-empty", String(items.length === 0));
}

const pickPlace = (item) => pick("place", item.name);
const pickNetwork = (item) => {
  pick("place", /^[A-Z]{2}$/.test(item.country) ? item.country : "");
  proposeQuestion(item.name, element("explain-name").value || model.second?.names[0]?.name);
};
const pickSite = (item) => pick("datacenter", item.name);

function networkWords(item) {
  const asn = item.asn === null ? "" : ` AS${item.asn}`;
  return `${visible(item.name)}${asn}${item.country ? ` ${visible(item.country)}` : ""}`;
}

/** All items in tables; beside the globe, as many as fit. */
const tops = () => address.view === "tables" ? 20 : innerHeight > 70 * view.unit * 14 && innerWidth >= 1_000 ? 14 : 8;

function drawTables() {
  const second = model.second;
  if (second === null) return;
  const most = tops();
  setText(element("n-rate"), rateWords(second.rate.answered));
  setText(element("n-empty"), rateWords(second.rate.empty));
  setText(element("n-refused"), rateWords(second.rate.refused));
  setAttribute(element("n-refused"), "data-bad", String(second.rate.refused > 0));
  setText(element("n-p50"), latencyWords(second.latency.p50));
  setText(element("n-p99"), latencyWords(second.latency.p99));
  setText(element("n-coprocesses"), countWords(second.coprocesses));
  setAttribute(element("n-coprocesses"), "data-bad", String(second.coprocesses === 0 && model.replay === null));
  setText(element("n-unknown"), percentWords(second.unknown));
  setText(element("n-default"), percentWords(second.defaultRule));
  drawImage(second);
  fillBars("country-rows", second.countries.slice(0, most), (item) => countryWords(item.name), pickPlace);
  fillBars("name-rows", second.names.slice(0, most), (item) => visible(item.name));
  fillBars("service-rows", second.services.slice(0, most), (item) => visible(item.name));
  fillBars("network-rows", second.networks.slice(0, most), networkWords, pickNetwork);
  fill(element("known-names"), second.names, () => make("option"), (option, item) => {
    const name = visible(item.name);
    if (option.value !== name) option.value = name;
  });
  const words = [];
  if (stage.unplacedRate >= 0.05) words.push(`${rateWords(stage.unplacedRate)} a second without a known position`);
  if (second.dropped > 0) words.push(`${rateWords(second.dropped)} hits a second left out`);
  setText(element("unplaced"), words.join(" · "));
}

function drawImage(second) {
  const image = second.image, now = clock.now() ?? second.time;
  const age = image === null || image.compiled === null ? null : now - image.compiled;
  // A recording does not contain the image in force.
  const none = model.replay === null ? "none" : nothing;
  setText(element("n-image"), image === null ? none : age === null ? nothing : durationWords(age) + " old");
  const id = element("n-image-id");
  setName(id, "", image === null ? "image" : `image ${visible(image.id).slice(0, 8)}`);
  id.title = image === null ? "" : `image ${visible(image.id)},`
    + ` compiled ${dateWords(image.compiled)} ${timeWords(image.compiled)} UTC, in force since ${timeWords(image.since)} UTC`;
}

// The order of datacenters rarely changes, so that rows stay readable.

const urgency = ["down", "partly_down", "drained", "partly_drained", "in_use"];
let siteOrder = [];
let ordered = -Infinity;

function drawSites() {
  const isSame = model.siteList.length === siteOrder.length && siteOrder.every((site) => model.sites.get(site.name) === site);
  if (!isSame || performance.now() - ordered > 5_000) {
    siteOrder = [...model.siteList].sort(
      (one, other) => urgency.indexOf(one.state) - urgency.indexOf(other.state) || other.rate - one.rate);
    ordered = performance.now();
  }
  const makeChild = () => {
    const row = make("tr");
    const head = make("th");
    head.scope = "row";
    const name = make("button", "name pick");
    name.type = "button";
    name.addEventListener("click", () => pick("datacenter", row.site));
    const mark = makeMark();
    const words = make("span", "name");
    name.append(mark, words);
    head.append(name);
    const load = make("td", "load");
    const track = make("span", "track"), bar = make("span"), loadWords = make("span", "number");
    track.append(bar);
    load.append(track, loadWords);
    row.append(
      head, make("td", "state"), make("td", "number"), make("td", "number"), load, make("td", "number more"),
      make("td", "number more"), make("td", "number more"));
    Object.assign(row, { mark, words, bar, loadWords });
    return row;
  };
  fill(element("site-rows"), siteOrder, makeChild, (row, site) => {
    row.site = site.name;
    setMark(row.mark, site.state, colourOf(site));
    setName(row.words, "", site.words);
    setAttribute(row, "data-state", site.state);
    setAttribute(row, "aria-selected", String(site.name === address.datacenter));
    const cells = row.children;
    setText(cells[1], stateWords[site.state]);
    setText(cells[2], rateWords(site.rate));
    setText(cells[3], percentWords(site.share));
    setWidth(row.bar, site.load);
    setAttribute(row.bar, "data-over", String(site.load > 1));
    setText(row.loadWords, percentWords(site.load));
    setText(cells[5], countWords(site.capacity));
    setText(cells[6], site.latitude === null ? nothing : site.latitude.toFixed(2));
    setText(cells[7], site.longitude === null ? nothing : site.longitude.toFixed(2));
  });
}

/** The table of the last hour, for the view of tables. */
function drawHour() {
  const { points, start, step } = model.history;
  const span = 300, rows = [];
  for (let i = points.length - 1; i >= 0; i--) {
    const from = Math.floor((start + i * step) / span) * span;
    let row = rows.at(-1);
    if (row === undefined || row.from !== from) {
      row = { from, sums: columns.map(() => 0), counts: columns.map(() => 0) };
      rows.push(row);
    }
    points[i]?.forEach((value, column) => {
      if (value === null) return;
      row.sums[column] += value;
      row.counts[column]++;
    });
  }
  const words = [rateWords, rateWords, rateWords, latencyWords, latencyWords, meanWords];
  const makeChild = () => {
    const row = make("tr");
    const head = make("th");
    head.scope = "row";
    row.append(head);
    for (let column = 0; column < columns.length; column++) row.append(make("td", "number"));
    const events = make("td", "long");
    events.append(make("span"));
    row.append(events);
    return row;
  };
  fill(element("hour-rows"), rows.slice(0, 14), makeChild, (node, row) => {
    setText(node.firstChild, timeWords(row.from, false));
    words.forEach((word, column) => {
      const mean = row.counts[column] === 0 ? null : row.sums[column] / row.counts[column];
      setText(node.children[column + 1], word(mean));
    });
    const events = model.events.filter((event) => event.time >= row.from && event.time < row.from + span);
    const more = events.length > 5 ? `; and ${events.length - 5} more` : "";
    setName(node.lastChild.firstChild, "", events.slice(0, 5).map(eventLine).join("; ") + more);
  });
}

// What changed, newest first.

function drawChanges() {
  const most = address.view === "tables" ? mostEvents : 40;
  const events = model.events.slice(-most).reverse();
  const makeChild = () => {
    const item = make("li");
    const glyph = make("span", "glyph");
    glyph.setAttribute("aria-hidden", "true");
    item.append(make("time"), glyph, make("span", "kind"), make("span", "long"));
    return item;
  };
  fill(element("change-list"), events, makeChild, (item, event) => {
    const [time, glyph, kind, text] = item.children;
    setText(time, timeWords(event.time));
    setText(glyph, eventGlyph(event.kind));
    setAttribute(item, "data-kind", Object.hasOwn(eventGlyphs, event.kind) ? event.kind : "other");
    setText(kind, visible(event.kind));
    setName(text, event.text);
  });
  element("no-changes").hidden = events.length > 0;
}

function drawProblems() {
  const problems = model.second?.problems ?? [];
  element("problems").hidden = problems.length === 0;
  const makeChild = () => {
    const item = make("li");
    item.append(make("b"), make("span"));
    return item;
  };
  fill(element("problem-list"), problems, makeChild, (item, problem) => {
    setAttribute(item, "data-severity", problem.isError ? "error" : "warning");
    setText(item.firstChild, problem.isError ? "Error" : "Warning");
    setName(item.lastChild, "", visible(problem.text) + (problem.hint ? ` (${visible(problem.hint)})` : ""));
  });
}
