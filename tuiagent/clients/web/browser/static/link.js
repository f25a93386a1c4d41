// The connection of a page: kept, tried again when it is lost, and told about.

const FINAL = { 1000: "finished", 4401: "key", 4409: "taken", 4429: "full", 4500: "failed" };
const FIRST = 0.5, LONGEST = 30; // seconds between two tries
const BEAT = 15, PATIENCE = 10;  // seconds between signs of life, and until one has to be answered

export class Link {
  // `tell` has: address(), drawn(bytes), said(what, about), state(name, text), over(reason, text)
  constructor(tell) {
    this.tell = tell;
    this.tries = 0;
    this.socket = null;
    this.timer = this.beat = this.wait = 0;
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => document.hidden || this.hurry());
  }

  open() {
    this.close();
    const socket = this.socket = new WebSocket(this.tell.address());
    socket.binaryType = "arraybuffer";
    let heard = false;
    this.tell.state("connecting", "connecting");
    socket.onmessage = (message) => {
      if (socket !== this.socket) return;
      if (!heard) this.tell.state("connected", "connected");
      heard = true;
      this.tries = 0; // a frame is what shows that it works, not an open socket
      clearTimeout(this.wait);
      this.wait = 0;
      if (typeof message.data !== "string") this.tell.drawn(new Uint8Array(message.data));
      else this.tell.said(...JSON.parse(message.data));
    };
    socket.onclose = (closed) => {
      if (socket !== this.socket) return;
      this.close();
      const why = closed.reason.replace(/^\w+: /, "");
      if (closed.code in FINAL) this.tell.over(FINAL[closed.code], why);
      else this.lost(why || "connection lost", heard);
    };
    this.beat = setInterval(() => this.ping(), BEAT * 1000);
    this.wait = setTimeout(() => this.dead(), PATIENCE * 1000);
  }

  send(...frame) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  close() {
    for (const timer of [this.timer, this.wait]) clearTimeout(timer);
    clearInterval(this.beat);
    this.timer = this.wait = this.beat = 0;
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  ping() {
    this.send("ping", Date.now());
    this.wait ||= setTimeout(() => this.dead(), PATIENCE * 1000);
  }

  dead() {
    this.close();
    this.lost("the server does not answer", true);
  }

  async lost(why, heard) {
    const pause = Math.min(FIRST * 2 ** this.tries, LONGEST) * (0.75 + Math.random() / 2);
    this.tries += 1;
    const until = Date.now() + pause * 1000;
    const count = () => {
      const left = Math.max(0, Math.ceil((until - Date.now()) / 1000));
      this.tell.state("lost", `${why}; trying again in ${left} s`);
      this.timer = setTimeout(left ? count : () => this.open(), left ? Math.min(1000, until - Date.now()) : 0);
    };
    count();
    if (!heard && (await this.tell.refused())) this.close();
  }

  hurry() {
    if (this.timer) this.open();
    else if (this.socket) this.ping();
  }
}
