// Texts and numbers as the page shows them.

/** Characters that do not show, or that change how their neighbours show: controls, bidi marks, blanks without width, and
 *  code points that are none. */
const unseen = /[\p{C}\p{Zl}\p{Zp}\u115f\u1160\u2800\u3164\uffa0]/gu;
/** More combining marks on one letter than any language uses. */
const piled = /(\p{M}{3})\p{M}+/gu;
const plain = /^[\x20-\x7e]*$/;
/** The maximum number of characters in a text; a name of 255 bytes has at most 1020, if all are escaped. */
const longest = 1100;

/** Makes text from outside visible: `\DDD` as in zone files, otherwise `[U+XXXX]`. */
function visible(raw) {
  let text = typeof raw === "string" ? raw : raw === null || raw === undefined ? "" : String(raw);
  if (text.length > longest) text = text.slice(0, longest) + "…";
  if (plain.test(text)) return text;
  return text.replace(unseen, (character) => {
    const code = character.codePointAt(0);
    return code < 256
      ? "\\" + String(code).padStart(3, "0")
      : "[U+" + code.toString(16).toUpperCase().padStart(4, "0") + "]";
  }).replace(piled, "$1…");
}

const nothing = "–";

function rateWords(rate) {
  if (rate === null) return nothing;
  if (rate >= 999_500) return (rate / 1e6).toFixed(rate < 9_950_000 ? 2 : 1) + " M";
  if (rate >= 9_995) return (rate / 1e3).toFixed(1) + " k";
  return rate < 9.95 ? rate.toFixed(rate === 0 ? 0 : rate < 0.095 ? 2 : 1) : String(Math.round(rate));
}

function countWords(count) {
  return count === null ? nothing : count.toLocaleString("en");
}

function percentWords(part) {
  if (part === null) return nothing;
  const percent = part * 100;
  return (percent === 0 ? "0" : percent < 0.1 ? "<0.1" : percent.toFixed(percent < 9.95 ? 1 : 0)) + " %";
}

/** Formats a mean of counts, such as of coprocesses. */
function meanWords(count) {
  return count === null ? nothing : String(Math.round(count * 10) / 10);
}

/** @param time in microseconds. */
function latencyWords(time) {
  if (time === null) return nothing;
  if (time < 1e3) return Math.round(time) + " µs";
  return time < 1e6 ? (time / 1e3).toFixed(time < 1e4 ? 1 : 0) + " ms" : (time / 1e6).toFixed(1) + " s";
}

function durationWords(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 120) return whole + " s";
  if (whole < 7_200) return Math.floor(whole / 60) + " min";
  return whole < 172_800 ? Math.floor(whole / 3_600) + " h" : Math.floor(whole / 86_400) + " d";
}

/** @param time in seconds since 1970; 12:34:56, or 12:34. */
function timeWords(time, hasSeconds = true) {
  const date = new Date(time === null ? NaN : time * 1e3);
  return Number.isNaN(date.getTime()) ? nothing : date.toISOString().slice(11, hasSeconds ? 19 : 16);
}

function dateWords(time) {
  const date = new Date(time === null ? NaN : time * 1e3);
  return Number.isNaN(date.getTime()) ? nothing : date.toISOString().slice(0, 10);
}

const regionNames = new Map();
let regions = null;
try {
  regions = new Intl.DisplayNames(["en"], { type: "region", fallback: "code" });
} catch {
  // Codes are sufficient.
}

/** The English name of a country. */
function countryWords(code) {
  if (!code) return "unknown place";
  if (!/^[A-Z]{2}$/.test(code)) return visible(code);
  let name = regionNames.get(code);
  if (name === undefined) {
    try {
      name = regions?.of(code) ?? code;
    } catch {
      name = code;
    }
    regionNames.set(code, name);
  }
  return name;
}

const stateWords = {
  in_use: "in use", partly_drained: "partly drained", drained: "drained", partly_down: "partly down", down: "down",
};
