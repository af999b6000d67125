// Colours of the pictures. Datacenters have the colours of `geopipe map`, in its order: Okabe and Ito (2008).

const colourCount = 8;
const siteColours = {
  light: ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#4d4d4d"],
  dark: ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#bdbdbd"],
};

/** By the number of a colour, a darker edge for colours that are too light on land and sea. */
const looks = {
  dark: {
    sites: siteColours.dark, other: "#8793a0", sea: "#0f1a26", seaEdge: "#0a121b", halo: "rgba(86, 160, 220, 0.16)",
    land: "#2a3c52", border: "#0f1a26", grid: "rgba(140, 170, 200, 0.10)", rim: "#3a5068", night: "rgba(2, 5, 12, 0.115)",
    picked: "#3f5f80", pickedEdge: "#e8f1fa", casings: [], text: "#e6edf5", textCasing: "rgba(6, 11, 17, 0.85)",
    ink: "#e6edf5", paper: "#0b1017", alarm: "#ff7b6b", axis: "rgba(160, 180, 200, 0.16)", soft: "#93a3b5",
    answered: "#4aa3df", empty: "#e69f00", refused: "#ff7b6b", p50: "#4aa3df", p99: "#cc79a7", steps: "#8fb0a4",
  },
  light: {
    sites: siteColours.light, other: "#7d8996", sea: "#e3ecf3", seaEdge: "#d3e0ea", halo: "rgba(60, 110, 160, 0.12)",
    land: "#c3cdd6", border: "#eef4f8", grid: "rgba(60, 90, 120, 0.12)", rim: "#9fb2c2", night: "rgba(20, 45, 85, 0.042)",
    picked: "#f7fbff", pickedEdge: "#12202e", casings: [, "#8a5f00", , "#8f4f74", "#226fa0", , "#857a00"], text: "#14202c",
    textCasing: "rgba(255, 255, 255, 0.9)", ink: "#14202c", paper: "#ffffff", alarm: "#b3261e",
    axis: "rgba(40, 60, 80, 0.14)", soft: "#566472",
    answered: "#0067a3", empty: "#a36a00", refused: "#b3261e", p50: "#0067a3", p99: "#a34b7c", steps: "#3e6f5f",
  },
};

let look = looks.dark;

const darkWanted = matchMedia("(prefers-color-scheme: dark)");

function colourOf(site) {
  return site !== undefined && site.colour >= 0 ? look.sites[site.colour] : look.other;
}
