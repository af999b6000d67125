// The connection to the agent: first the whole state, then changes.

const link = {
  source: null, isOpen: false, lostAt: 0, retry: 0, timer: 0, triedAt: 0, complaint: "", loads: 0,
};

/** Returns the server's JSON; throws an error with the server's message. */
async function fetchJSON(path, options = {}) {
  const control = new AbortController();
  const timer = setTimeout(() => control.abort(), 10_000);
  try {
    const response = await fetch(path, { ...options, signal: control.signal, credentials: "same-origin" });
    let body = null;
    try {
      body = await response.json();
    } catch {
      if (response.ok) throw new Error("the server's response is not JSON; is this page of another version?");
    }
    if (!response.ok) {
      const hint = response.status === 401 || response.status === 403 ? "; open this page again with ?token= and the token" : "";
      throw new Error(textOf(body?.error) || `the server responds with ${response.status}${hint}`);
    }
    return body;
  } catch (error) {
    if (error.name === "AbortError") throw new Error("the server did not respond within 10 s");
    if (error instanceof TypeError) throw new Error("the server cannot be reached");
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

async function loadState() {
  const load = ++link.loads;
  try {
    const raw = await fetchJSON("api/state");
    if (load !== link.loads || raw === null || typeof raw !== "object") return;
    forgetPlaces();
    takeState(raw);
    link.complaint = "";
    drawAll();
  } catch (error) {
    link.complaint = error.message;
  }
  drawLink();
}

function connect() {
  clearTimeout(link.timer);
  link.source?.close();
  link.triedAt = performance.now();
  const source = new EventSource("api/stream");
  link.source = source;
  const listen = (kind, action) => source.addEventListener(kind, (message) => {
    let body;
    try {
      body = JSON.parse(message.data);
    } catch {
      return;
    }
    if (body !== null && typeof body === "object") action(body);
  });
  source.addEventListener("open", () => {
    link.isOpen = true;
    link.retry = 0;
    loadState();
  });
  source.addEventListener("error", () => {
    if (link.isOpen || link.lostAt === 0) link.lostAt = performance.now();
    link.isOpen = false;
    drawLink();
    // The browser reconnects by itself, but not after a response that is not a stream.
    if (source.readyState !== EventSource.CLOSED) return;
    link.retry = Math.min(10_000, 1_000 + link.retry * 2);
    link.timer = setTimeout(() => {
      connect();
      loadState();
    }, link.retry);
  });
  listen("second", (body) => {
    if (!takeSecond(body)) loadState();
    drawSecond();
  });
  listen("event", (body) => {
    if (!takeEvent(body)) return;
    announce(eventLine(model.events.at(-1)));
    drawChanges();
    drawGraphs();
    drawEventMarks();
  });
  listen("hits", (body) => {
    const hits = Array.isArray(body.hits) ? body.hits : [];
    const count = Math.min(hits.length, 500);
    for (let i = 0; i < count; i++) addHit(hits[i], (i / count) * 100);
  });
  listen("replay", (body) => {
    const replay = readReplay(body.replay ?? body);
    if (replay !== null && takeReplay(replay)) loadState();
  });
}

/** Seconds without news after which the numbers are stale. */
const staleAfter = 3;

/** Seconds without news after which an open connection is given up, and the time between two such attempts: the other end may be
 *  gone without a word. */
const reconnectAfter = 15;

/** Shows the state of the connection, and the age of the numbers. */
function drawLink() {
  const age = model.second === null ? null : (performance.now() - model.secondAt) / 1e3;
  const isPaused = model.replay !== null && model.replay.paused;
  const isOld = age !== null && age > staleAfter && !(link.isOpen && isPaused);
  const state = !link.isOpen ? (link.source === null || link.lostAt === 0 ? "wait" : "lost") : isOld ? "late" : "live";
  setAttribute(element("link"), "data-link", state);
  const words = {
    wait: "connecting", lost: "reconnecting", late: "no news",
    live: model.replay === null ? "live" : isPaused ? "paused" : "playing",
  };
  setText(element("link-text"), words[state]);
  const isLost = state === "lost" || state === "late" || link.complaint !== "";
  const stale = element("stale");
  stale.hidden = !isLost;
  document.documentElement.dataset.stale = String(isOld);
  if (isOld && link.isOpen && age > reconnectAfter && performance.now() - link.triedAt > reconnectAfter * 1e3) connect();
  if (!isLost) return;
  const faults = { lost: "The connection to the agent is lost; trying again.", late: "The agent sends nothing new." };
  const from = model.second === null ? "" : `What is shown is from ${timeWords(model.second.time)} UTC, ${durationWords(age)} ago.`;
  const complaint = link.complaint ? `The server says: ${visible(link.complaint)}.` : "";
  setText(stale, [faults[state] ?? "", isOld ? from : "", complaint].filter((part) => part).join(" "));
}

// Words for screen readers: never more than one message in five seconds, and then the newest ones.

const announced = { at: -Infinity, waiting: [], problems: null };

function announce(words) {
  announced.waiting.push(words);
  if (announced.waiting.length > 3) announced.waiting.shift();
}

function announceProblems() {
  if (model.second === null) return;
  const problems = new Set(model.second.problems.map((problem) => problem.text));
  const before = announced.problems;
  announced.problems = problems;
  if (before === null) {
    if (problems.size > 0) announce(`${problems.size} problems`);
    return;
  }
  for (const text of problems) if (!before.has(text)) announce(`New problem: ${visible(text)}`);
  if (before.size > 0 && problems.size === 0) announce("No problems any more");
}

function speak(now) {
  if (announced.waiting.length === 0 || now - announced.at < 5_000) return;
  announced.at = now;
  setText(element("announce"), announced.waiting.join(". "));
  announced.waiting.length = 0;
}
