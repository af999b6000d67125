// A rollout: the old image against the new one, side by side.

function drawRollout() {
  const rollout = model.second?.rollout ?? null;
  element("rollout").hidden = rollout === null;
  if (rollout === null) return;
  const share = rollout.share === null ? "" : `, ${rollout.share} % of client networks get the new image`;
  setName(element("rollout-words"), "", `${visible(rollout.id)}: ${visible(rollout.state) || "running"}${share}`);
  element("rollout-share").hidden = rollout.share === null;
  setWidth(element("rollout-share").firstElementChild, rollout.share / 100);
  setText(element("rollout-old"), rateWords(rollout.old.rate) + "/s");
  setText(element("rollout-new"), rateWords(rollout.new.rate) + "/s");
  setText(element("rollout-compared"), countWords(rollout.compared));
  const part = rollout.compared > 0 && rollout.differing !== null ? ` (${percentWords(rollout.differing / rollout.compared)})` : "";
  setText(element("rollout-differing"), countWords(rollout.differing) + part);
  const sites = [...rollout.byDatacenter].sort((one, other) => other.old + other.new - one.old - one.new).slice(0, 100);
  const oldSum = sites.reduce((sum, site) => sum + site.old, 0), newSum = sites.reduce((sum, site) => sum + site.new, 0);
  // Each side as part of its own whole, because the sides have different numbers of clients.
  const parts = sites.map((site) => ({
    ...site, oldPart: oldSum > 0 ? site.old / oldSum : 0, newPart: newSum > 0 ? site.new / newSum : 0,
  }));
  const most = parts.reduce((most, site) => Math.max(most, site.oldPart, site.newPart), 0) || 1;
  const makeChild = () => {
    const row = make("tr");
    const head = make("th", "name");
    head.scope = "row";
    const left = make("td", "bar left"), right = make("td", "bar");
    left.append(make("span"));
    right.append(make("span"));
    row.append(head, make("td", "number"), left, right, make("td", "number first"), make("td", "number"));
    return row;
  };
  fill(element("rollout-rows"), parts, makeChild, (row, site) => {
    const cells = row.children;
    const colour = colourOf(model.sites.get(site.name));
    setName(cells[0], site.name);
    setText(cells[1], rateWords(site.old));
    for (const [cell, value] of [[cells[2], site.oldPart], [cells[3], site.newPart]]) {
      setWidth(cell.firstChild, value / most);
      if (cell.firstChild.style.backgroundColor !== colour) cell.firstChild.style.backgroundColor = colour;
    }
    setText(cells[4], rateWords(site.new));
    const change = (site.newPart - site.oldPart) * 100;
    const isKnown = oldSum > 0 && newSum > 0;
    setText(cells[5], isKnown ? `${change > 0.05 ? "+" : change < -0.05 ? "−" : "±"}${Math.abs(change).toFixed(1)} %` : nothing);
    setAttribute(row, "data-differs", String(isKnown && Math.abs(change) >= 5));
  });
}
