// The terminal of a page: xterm.js, fitted to the window.

import { FitAddon } from "./addon-fit-0.11.0.mjs";
import { UnicodeGraphemesAddon } from "./addon-unicode-graphemes-0.4.0.mjs";
import { WebglAddon } from "./addon-webgl-0.19.0.mjs";
import { Terminal } from "./xterm-6.0.0.mjs";

const LEAST = 40; // columns
const USUAL = 15, SMALLEST = 7; // pixels of a letter

export function made(place, { typed, resized }) {
  const terminal = new Terminal({
    allowProposedApi: true,
    cursorBlink: false,
    fontFamily: 'ui-monospace, "Cascadia Mono", "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace',
    fontSize: USUAL,
    macOptionIsMeta: true,
    scrollback: 0,
    theme: { background: "#121212", foreground: "#e0e0e0" },
  });
  const fit = new FitAddon();
  terminal.loadAddon(fit);
  terminal.loadAddon(new UnicodeGraphemesAddon());
  terminal.open(place);
  drawing(terminal);
  terminal.textarea.setAttribute("enterkeyhint", "send");
  terminal.onData(typed);
  terminal.onBinary(typed);
  terminal.onTitleChange((title) => { document.title = title || "tuiagent"; });
  terminal.parser.registerOscHandler(52, copied);
  terminal.parser.registerOscHandler(22, (shape) => {
    if (/^[a-z-]{1,20}$/.test(shape)) place.style.cursor = shape;
    return true;
  });
  terminal.attachCustomKeyEventHandler((event) => pressed(terminal, event, typed));
  terminal.onWriteParsed(() => edged(terminal));
  place.terminal = terminal;

  const fitted = () => {
    for (let size = USUAL; size >= SMALLEST; size -= 1) {
      terminal.options.fontSize = size;
      if ((fit.proposeDimensions()?.cols ?? LEAST) >= LEAST) break;
    }
    const before = `${terminal.cols}x${terminal.rows}`;
    fit.fit();
    if (`${terminal.cols}x${terminal.rows}` !== before) resized(terminal.cols, terminal.rows);
  };
  new ResizeObserver(fitted).observe(place);
  document.fonts?.ready.then(fitted);
  fitted();
  return terminal;
}

let edge = 0;

function edged(terminal) {
  // What is left beside the cells has the colour of the last line.
  const cell = terminal.buffer.active.getLine(terminal.rows - 1)?.getCell(0);
  if (!cell?.isBgRGB() || cell.getBgColor() === edge) return;
  edge = cell.getBgColor();
  const root = document.documentElement;
  root.style.setProperty("--back", `#${edge.toString(16).padStart(6, "0")}`);
  const [red, green, blue] = [edge >> 16, (edge >> 8) & 255, edge & 255];
  root.dataset.tone = 0.3 * red + 0.59 * green + 0.11 * blue > 140 ? "light" : "dark";
}

function drawing(terminal) {
  // Frames and blocks without gaps, where the browser can; else its own letters.
  try {
    const webgl = new WebglAddon();
    webgl.onContextLoss(() => webgl.dispose());
    terminal.loadAddon(webgl);
  } catch (error) {
    console.info("drawn without WebGL:", error.message);
  }
}

function copied(data) {
  const [, text = ""] = data.split(";");
  if (text !== "?") {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    navigator.clipboard?.writeText(new TextDecoder().decode(bytes)).catch(() => {});
  }
  return true; // what is in the clipboard is told to nobody
}

function pressed(terminal, event, typed) {
  const ctrl = event.ctrlKey || event.metaKey;
  if (ctrl && event.key.toLowerCase() === "v") return false; // the browser pastes
  if (event.ctrlKey && event.shiftKey && event.key.toLowerCase() === "c") {
    if (event.type === "keydown") navigator.clipboard?.writeText(terminal.getSelection()).catch(() => {});
    event.preventDefault();
    return false;
  }
  if (event.key === "Enter" && event.shiftKey && !event.isComposing) {
    if (event.type === "keydown") typed("\x1b[13;2u");
    event.preventDefault();
    return false;
  }
  return true;
}
