// A replay of a recording: its clock, its speed, and its position.

const speeds = [0.1, 0.5, 1, 2, 5, 10, 60, 300, 1_000];
const replaying = { isMoving: false };

function startReplay() {
  for (const speed of speeds) {
    element("replay-speed").append(Object.assign(make("option", "", `${speed} ×`), { value: String(speed) }));
  }
  element("replay-play").addEventListener("click", toggleReplay);
  element("replay-speed").addEventListener("change", () => sendReplay({ speed: Number(element("replay-speed").value) }));
  const slider = element("replay-position");
  slider.addEventListener("input", () => {
    replaying.isMoving = true;
    drawReplayClock(Number(slider.value));
  });
  slider.addEventListener("change", () => {
    replaying.isMoving = false;
    sendReplay({ position: Number(slider.value) });
  });
}

function toggleReplay() {
  if (model.replay !== null) sendReplay({ paused: !model.replay.paused });
}

async function sendReplay(change) {
  const fault = element("replay-fault");
  try {
    const answer = await fetchJSON("api/replay", {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(change),
    });
    setText(fault, "");
    const replay = readReplay(answer?.replay ?? answer);
    if (replay !== null && replay.to > 0) takeReplay(replay);
    else if (model.replay !== null) takeReplay({ ...model.replay, ...change });
    if (change.position !== undefined) await loadState();
  } catch (error) {
    setText(fault, visible(error.message));
  }
}

/** Called when the replay advances or jumps. */
function takeReplay(replay) {
  const before = model.replay;
  model.replay = replay;
  clock.set(replay.position);
  drawReplay();
  // Another viewer moved it: the data before belong to another part of the recording.
  const leap = before === null ? 0 : replay.position - before.position;
  return before !== null && (leap < -1 || leap > Math.max(30, 5 * replay.speed));
}

function drawReplay() {
  const replay = model.replay;
  element("replay").hidden = replay === null;
  if (replay === null) return;
  setName(element("replay-file"), replay.file);
  setText(element("replay-play"), replay.paused ? "▶ Play" : "❚❚ Pause");
  const list = element("replay-speed");
  const speed = String(replay.speed);
  if (![...list.options].some((option) => option.value === speed)) {
    // Another viewer may have set a speed that is not in the list; it gets one entry there.
    const other = list.querySelector("[data-other]") ?? list.appendChild(Object.assign(make("option"), {}));
    other.dataset.other = "";
    other.value = speed;
    other.textContent = `${speed} ×`;
  }
  if (document.activeElement !== list) list.value = speed;
  const slider = element("replay-position");
  setAttribute(slider, "min", String(Math.floor(replay.from)));
  setAttribute(slider, "max", String(Math.ceil(replay.to)));
  if (replaying.isMoving) return;
  const now = clock.now() ?? replay.position;
  slider.value = String(now);
  drawReplayClock(now);
}

function drawReplayClock(time) {
  const words = `${dateWords(time)} ${timeWords(time)} UTC`;
  setText(element("replay-clock"), words);
  setAttribute(element("replay-position"), "aria-valuetext", words);
}
