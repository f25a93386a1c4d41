// Fingers: taps are clicks, swipes scroll, and a row of keys that a phone's keyboard lacks.

const SLOP = 10; // pixels that a finger may move in a tap
const NEAR = 2;  // lines around the cursor in which a tap means to type

export function gestures(place, terminal, send) {
  let from = null;
  const cell = (touch) => {
    const box = place.querySelector(".xterm-screen").getBoundingClientRect();
    const within = (at, size, count) => Math.min(count, Math.max(1, Math.floor((at / size) * count) + 1));
    return [within(touch.clientX - box.left, box.width, terminal.cols), within(touch.clientY - box.top, box.height, terminal.rows)];
  };
  const report = (button, [column, row], how = "M") => {
    if (terminal.modes.mouseTrackingMode !== "none") send(`\x1b[<${button};${column};${row}${how}`);
  };
  const on = (name, act) => place.addEventListener(name, (event) => {
    event.stopPropagation();
    if (event.cancelable) event.preventDefault();
    act(event);
  }, { capture: true, passive: false });
  on("touchstart", (event) => {
    const touch = event.touches[0];
    from = event.touches.length > 1 ? null : { x: touch.clientX, y: touch.clientY, last: touch.clientY, moved: false };
  });
  on("touchmove", (event) => {
    const touch = event.touches[0];
    if (!from) return;
    from.moved ||= Math.hypot(touch.clientX - from.x, touch.clientY - from.y) > SLOP;
    const line = place.querySelector(".xterm-screen").clientHeight / terminal.rows;
    while (from.moved && Math.abs(touch.clientY - from.last) >= line) {
      const down = touch.clientY > from.last;
      report(down ? 64 : 65, cell(touch));
      from.last += down ? line : -line;
    }
  });
  on("touchend", (event) => {
    if (!from || from.moved) return;
    const at = cell(event.changedTouches[0]);
    report(0, at);
    report(0, at, "m");
    if (Math.abs(at[1] - 1 - terminal.buffer.active.cursorY) <= NEAR) terminal.focus();
  });
}

export function keys(row, terminal, send) {
  let held = false;
  const hold = row.querySelector("[data-hold]");
  const set = (now) => hold.setAttribute("aria-pressed", String(held = now));
  row.addEventListener("pointerdown", (event) => event.preventDefault()); // whoever types goes on typing
  row.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { key, arrow } = button.dataset;
    if (key) send(key);
    else if (arrow) send(held ? `\x1b[1;5${arrow}` : `\x1b[${arrow}`);
    else if (button === hold) return set(!held);
    else if (document.activeElement === terminal.textarea) terminal.blur();
    else terminal.focus();
    set(false);
  });
  // What is typed, with Ctrl if that is held.
  return (text) => {
    if (!held || text.length !== 1) return text;
    set(false);
    return /[a-z@[\\\]^_ ]/i.test(text) ? String.fromCharCode(text.toUpperCase().charCodeAt(0) & 31) : text;
  };
}
