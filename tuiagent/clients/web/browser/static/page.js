// The page: a log-in, and then the terminal in which the app draws.

import { Link } from "./link.js";
import { made } from "./screen.js";
import { gestures, keys } from "./touch.js";

const LOGIN = "/screen/login";
const find = (name) => document.getElementById(name);
const OVER = {
  finished: ["the app has ended", "Start again"],
  taken: ["another window shows this screen", "Show it here"],
  full: ["too many screens are open", "Try again"],
  failed: ["the app did not start", "Start again"],
};
let terminal, link, held = (text) => text;

// What stands behind the # is told to no server: a ticket, the folder to work in.
const given = () => new URLSearchParams(location.hash.slice(1));

// ---------------------------------------------------------------- the log-in

async function login(key) {
  const headers = key ? { Authorization: `Bearer ${key}` } : {};
  return fetch(LOGIN, { method: key ? "POST" : "GET", headers, cache: "no-store" });
}

async function why(answer) {
  if (answer.status === 401) return "this key opens nothing: look whether all of it was copied";
  const said = await answer.json().catch(() => ({}));
  return said.detail || `the server answers ${answer.status}`;
}

function door(text = "") {
  link?.close();
  find("place").hidden = true;
  find("door").hidden = false;
  find("said").textContent = text;
  find("key").focus();
}

find("login").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = find("key");
  try {
    const answer = await login(field.value.trim());
    if (answer.ok) {
      field.value = "";
      return show();
    }
    door(await why(answer));
    field.select();
  } catch (error) {
    const odd = /[^\x21-\x7e]/.test(field.value.trim());
    door(odd ? "this is no key: it has letters that no key has" : "the server cannot be reached");
  }
});

find("leave").addEventListener("click", async () => {
  await fetch(LOGIN, { method: "DELETE" }).catch(() => {});
  forget();
  door("you are logged out");
});

// ---------------------------------------------------------------- the screen

function state(name, text) {
  find("state").dataset.state = name;
  find("state").textContent = text;
  find("terminal").classList.toggle("stale", name === "lost" || name === "over");
  find("again").hidden = name !== "lost" && name !== "over";
  if (name === "lost") find("again").textContent = "Try now";
}

function address() {
  const url = new URL("/screen/stream", location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  url.searchParams.set("width", terminal.cols);
  url.searchParams.set("height", terminal.rows);
  const screen = sessionStorage.getItem("screen");
  const session = sessionStorage.getItem("session"); // for a server that has no such screen
  const folder = given().get("folder");
  if (screen) url.searchParams.set("screen", screen);
  if (session) url.searchParams.set("session", session);
  if (folder) url.searchParams.set("folder", folder);
  return url.href;
}

function said(what, about) {
  if (what === "screen") {
    sessionStorage.setItem("screen", about);
    link.send(document.hasFocus() ? "focus" : "blur");
  } else if (what === "session") {
    sessionStorage.setItem("session", about);
  } else if (what === "open_url" && /^https?:\/\//i.test(about.url)) {
    window.open(about.url, "_blank", "noopener,noreferrer");
  }
}

function over(reason, text) {
  if (reason === "key") return door(text);
  const [words, again] = OVER[reason];
  if (reason !== "taken") forget();
  find("again").textContent = again;
  state("over", reason === "failed" && text ? `${words}: ${text}` : words);
}

function forget() {
  for (const name of ["screen", "session"]) sessionStorage.removeItem(name);
}

async function refused() {
  const answer = await login().catch(() => null);
  if (answer?.status !== 401) return false;
  door("the log-in has ended");
  return true;
}

function show() {
  find("door").hidden = true;
  find("place").hidden = false;
  if (!terminal) {
    const send = (text) => link.send("stdin", text);
    const resized = (width, height) => link?.send("resize", { width, height });
    terminal = made(find("terminal"), { typed: (text) => send(held(text)), resized });
    held = keys(find("keys"), terminal, send);
    gestures(find("terminal"), terminal, send);
    link = new Link({ address, drawn: (bytes) => terminal.write(bytes), said, state, over, refused });
    find("again").addEventListener("click", () => link.open());
    addEventListener("focus", () => link.send("focus"));
    addEventListener("blur", () => link.send("blur"));
  }
  terminal.reset();
  link.open();
  if (!matchMedia("(pointer: coarse)").matches) terminal.focus();
}

function tall() {
  document.documentElement.style.setProperty("--height", `${visualViewport.height}px`);
  scrollTo(0, 0);
}

// ---------------------------------------------------------------- the start

visualViewport?.addEventListener("resize", tall);
// A link that is put into the address of this very page only changes what stands behind the #.
addEventListener("hashchange", () => given().get("ticket") !== null && location.reload());
const ticket = given().get("ticket");
if (ticket !== null) {
  const folder = given().get("folder"); // the ticket is used up now; the folder stays for a reload
  history.replaceState(null, "", folder ? `#folder=${encodeURIComponent(folder)}` : location.pathname);
}
const first = await login(ticket).catch(() => null);
if (first?.ok || (ticket && (await login().catch(() => null))?.ok)) show();
else if (!first) door("the server cannot be reached");
else door(ticket ? "this link was used already, or is too old: run `tuiagent web` again" : "");
