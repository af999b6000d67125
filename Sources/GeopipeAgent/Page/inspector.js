// The picked place or datacenter: its rates, where its clients go, and why.

/** The datacenter that is picked; undefined if none is. */
const selectedSite = () => address.datacenter ? model.sites.get(address.datacenter) : undefined;

/** The picked object as shown on the map; undefined if it has no place there. */
function pickedPlace() {
  return address.place ? countries.get(address.place) : selectedSite();
}

function selection() {
  if (address.datacenter) return { kind: "datacenter", name: address.datacenter };
  return address.place !== null ? { kind: "place", name: address.place } : null;
}

/** Picks a place or a datacenter; `pick(null)` clears the selection. */
function pick(kind, name) {
  const place = kind === "place" ? name : null;
  const datacenter = kind === "datacenter" ? name : null;
  if (place === address.place && datacenter === address.datacenter) return;
  setAddress({ place, datacenter });
}

/** The newest request of each kind: responses to older ones are dropped. */
let askedDestinations = 0, askedWhy = 0;

/** Called when the selection changes. */
function openInspector() {
  const selected = selection();
  const panel = element("inspector");
  panel.hidden = selected === null;
  askedDestinations++;
  askedWhy++;
  view.version++;
  stage.needsFrame = true;
  if (selected === null) return;
  fill(element("destinations"), [], null, null);
  element("explanation").replaceChildren();
  const isPlace = selected.kind === "place";
  const code = /^[A-Z]{2}$/.test(selected.name) ? ` (${selected.name})` : "";
  setName(element("inspector-title"), "", isPlace ? countryWords(selected.name) + code : visible(selected.name));
  setText(element("inspector-flow-title"), isPlace ? "Where its clients go now" : "Where its clients are now");
  setText(element("destinations-what"), isPlace ? "Datacenter" : "Country");
  const target = pickedPlace();
  if (target !== undefined) flyTo(target);
  announce(`Picked: ${element("inspector-title").textContent}`);
  drawInspector();
  askDestinations(selected);
  panel.scrollIntoView({ block: "nearest" });
}

function drawInspector() {
  const selected = selection();
  if (selected === null) return;
  const flow = flowOf(selected).filter((item) => item.rate >= 0.05).slice(0, 8);
  const rate = flow.reduce((sum, item) => sum + item.rate, 0);
  const series = element("inspector-series");
  if (selected.kind === "datacenter") {
    const site = model.sites.get(selected.name);
    series.hidden = site === undefined;
    setText(element("inspector-words"), site === undefined ? "There is no datacenter of this name now." : siteWords(site));
    if (site !== undefined) drawSeries(series, site);
    fillBars("inspector-flow", flow, (item) => countryWords(item.name), pickPlace, () => colourOf(site));
  } else {
    series.hidden = true;
    const top = model.second?.countries.find((item) => item.name === selected.name);
    setText(
      element("inspector-words"),
      flow.length === 0 && top === undefined
        ? "No hits from here in the last minute." : `${rateWords(top?.rate ?? rate)} answers a second`);
    fillBars(
      "inspector-flow", flow, (item) => item.name ? visible(item.name) : "no answer", (item) => item.name && pickSite(item),
      (item) => colourOf(model.sites.get(item.name)));
  }
}

function siteWords(site) {
  const words = [`${stateWords[site.state]}; ${rateWords(site.rate)} answers a second, ${percentWords(site.share)} of all`];
  if (site.load !== null) words.push(`load ${percentWords(site.load)}`);
  if (site.capacity !== null) words.push(`capacity ${countWords(site.capacity)}`);
  return words.join("; ");
}

/** The rate of a datacenter since the page was opened, for up to five minutes. */
function drawSeries(canvas, site) {
  const context = canvas.getContext("2d");
  const { clientWidth: width, clientHeight: height } = canvas;
  if (width === 0) return;
  const ratio = Math.min(2, devicePixelRatio || 1);
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  let most = 0;
  for (const value of site.series) if (value > most) most = value;
  most = most > 0 ? roundUp(most) : 1;
  context.strokeStyle = look.axis;
  context.strokeRect(0.5, 0.5, width - 1, height - 1);
  context.strokeStyle = colourOf(site);
  context.lineWidth = 2;
  context.beginPath();
  let isDown = false;
  site.series.forEach((value, i) => {
    if (Number.isNaN(value)) return;
    const x = (i / (seriesLength - 1)) * width, y = height - 3 - (value / most) * (height - 14);
    if (isDown) context.lineTo(x, y);
    else context.moveTo(x, y);
    isDown = true;
  });
  context.stroke();
  context.font = Math.round(11 * view.unit) + graphFamily;
  context.fillStyle = look.soft;
  context.fillText(`up to ${rateWords(most)} a second, five minutes`, 4, 12 * view.unit);
}

async function askDestinations(selected) {
  const question = askedDestinations;
  const note = element("destinations-note");
  setText(note, "Asking …");
  try {
    const key = selected.kind === "place" ? "country" : "datacenter";
    const found = await fetchJSON(`api/destinations?${new URLSearchParams({ [key]: selected.name })}`);
    if (question !== askedDestinations) return;
    const rows = [];
    let left = 0;
    for (const service of listOf(found?.services, 200)) {
      for (const part of listOf(service.parts, 1_000)) {
        const where = selected.kind === "place" ? textOf(part.datacenter) : textOf(part.country);
        if (rows.length < 200) rows.push({ service: textOf(service.name), where, share: numberOf(part.share) });
        else left++;
      }
    }
    setText(note, rows.length === 0 ? "Nothing." : left > 0 ? `${left} more are left out.` : "");
    const makeChild = () => {
      const row = make("tr");
      const head = make("th", "name");
      head.scope = "row";
      row.append(head, make("td", "name"), make("td", "number"));
      return row;
    };
    fill(element("destinations"), rows, makeChild, (row, { service, where, share }, position) => {
      const isSame = position > 0 && rows[position - 1].service === service;
      setName(row.children[0], service);
      setAttribute(row.children[0], "data-again", String(isSame));
      setName(row.children[1], "", selected.kind === "place" ? visible(where) || "no answer" : countryWords(where));
      setText(row.children[2], percentWords(share));
    });
  } catch (error) {
    if (question === askedDestinations) setText(note, visible(error.message));
  }
}

/** Fills in what to explain, such as a picked hit. */
function proposeQuestion(network, name) {
  if (network) element("explain-client").value = visible(network);
  if (name) element("explain-name").value = visible(name);
}

async function explain() {
  const question = ++askedWhy;
  const output = element("explanation");
  const client = element("explain-client").value.trim(), name = element("explain-name").value.trim();
  output.replaceChildren(make("p", "note", "Asking …"));
  try {
    if (!client || !name) {
      throw new Error("Write the client's address or network, such as 192.0.2.0/24, and the name that it asks for.");
    }
    const found = await fetchJSON(`api/explain?${new URLSearchParams({ name, client })}`);
    if (question === askedWhy) output.replaceChildren(...explanationNodes(found ?? {}));
  } catch (error) {
    if (question === askedWhy) output.replaceChildren(make("p", "fault", visible(error.message)));
  }
}

function explanationNodes(found) {
  const list = make("ol", "way");
  const add = (title, ...lines) => {
    const item = make("li");
    item.append(make("b", "", title));
    for (const line of lines) if (line) item.append(make("span", "long", line));
    list.append(item);
  };
  const texts = (value) => (Array.isArray(value) ? value : []).slice(0, 60).map(visible);
  for (const finding of listOf(found.databases, 10)) {
    const words = [
      visible(finding.city), ...texts(finding.subdivisions), finding.country ? countryWords(textOf(finding.country)) : "",
      visible(finding.continent),
    ].filter((part) => part);
    const file = textOf(finding.database).split("/").pop();
    add(visible(finding.network) || visible(found.client), words.join(", ") || "not known", `by ${visible(file)}`);
  }
  if (found.place !== null && typeof found.place === "object") {
    const { country, continent, subdivision } = found.place;
    const words = [visible(subdivision), country ? countryWords(textOf(country)) : "", visible(continent)].filter((part) => part);
    add(visible(found.client), words.join(", ") || "unknown place");
  }
  const service = found.service !== null && typeof found.service === "object" ? found.service : null;
  if (service !== null) {
    const rules = listOf(service.rules, 20).map((rule) => `${visible(rule.rule)} → ${visible(rule.destination)}`);
    add(
      `Service ${visible(service.service)}, map ${visible(service.map)}`, rules.length > 0 ? `Rule ${rules[0]}` : "",
      rules.length > 1 ? `before ${rules.slice(1).join("; ")}` : "",
      service.isByResolver === true ? "By the place of the resolver" : "");
    const tiers = (Array.isArray(service.preference) ? service.preference : []).slice(0, 50);
    const lines = tiers.map((tier, number) => `${number + 1}. ` + listOf(tier, 50).map((one) => {
      const facts = [
        numberOf(one.kilometres) === null ? "" : `${countWords(one.kilometres)} km`, one.isDrained === true ? "drained" : "",
        one.isAvailable === false && one.isDrained !== true ? "not available" : "",
        listOf(tier, 2).length > 1 ? `weight ${numberOr(one.weight, 0)}` : "",
      ].filter((part) => part);
      return visible(one.datacenter) + (facts.length > 0 ? ` (${facts.join(", ")})` : "");
    }).join(", "));
    add("Preference", ...(lines.length > 0 ? lines : ["none"]), ...texts(service.notes));
    add(
      `Chosen: ${texts(service.chosen).join(", ") || "no datacenter"}`,
      service.scope ? `the same for all of ${visible(service.scope)}` : "");
  }
  // Tabs separate the fields of records.
  const answers = Array.isArray(found.answer?.records) ? found.answer.records : [];
  const records = texts(answers.map((record) => textOf(record).replaceAll("\t", " ")));
  add(found.answer?.exists === false ? "There is no such name" : "Answer", ...records);
  return [list];
}

/** The list from which places and datacenters are picked. */
let listed = "";

function drawPickList() {
  const names = model.siteList.map((site) => site.name);
  const key = names.join("\n");
  const list = element("pick");
  if (key !== listed || list.childElementCount === 0) {
    listed = key;
    const option = (value, words) => Object.assign(make("option", "", words), { value });
    const group = (label, options) => {
      const node = Object.assign(make("optgroup"), { label });
      node.append(...options);
      return node;
    };
    const places = [...countries.keys()].map((code) => [code, countryWords(code)]);
    places.sort((one, other) => one[1].localeCompare(other[1], "en"));
    list.replaceChildren(
      option("", "all the world"),
      group("Datacenters", names.map((name) => option("d" + name, visible(name).slice(0, 60)))),
      group("Countries", [...places.map(([code, words]) => option("p" + code, words)), option("p", "unknown place")]));
  }
  const wanted = address.datacenter ? "d" + address.datacenter : address.place !== null ? "p" + address.place : "";
  if (list.value !== wanted && document.activeElement !== list) list.value = wanted;
}
