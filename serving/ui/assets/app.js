// What the page does by itself: rates between two answers of /ui/figures, charts of them, drawings as rows.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const KEEP = 300; // samples, two seconds apart
  const UNIT = 25e-6; // s: bucket i is up to UNIT·2^i
  const samples = []; // {at: s, rows: Map of key → {model, latency: counts, errors}}

  // ---- figures

  // read takes a sample of what was loaded.
  function read() {
    const figures = $("figures");
    const rows = new Map();
    for (const tr of figures.querySelectorAll("tr[data-key]")) {
      rows.set(tr.dataset.key, {
        tr, model: tr.dataset.model, errors: Number(tr.dataset.errors), latency: tr.dataset.latency.split(" ").map(Number),
      });
    }
    return {at: Number(figures.dataset.at) / 1000, rows};
  }

  // between returns what was counted from one sample to the next; a count that fell began anew.
  const grew = (now, before) => (before === undefined || now < before ? now : now - before);
  function between(before, now, model) {
    const latency = [];
    let errors = 0;
    for (const [key, row] of now.rows) {
      if (model && row.model !== model) continue;
      const old = before?.rows.get(key);
      row.latency.forEach((n, i) => { latency[i] = (latency[i] ?? 0) + (before ? grew(n, old?.latency[i]) : n); });
      errors += before ? grew(row.errors, old?.errors) : row.errors;
    }
    return {latency, errors, requests: latency.reduce((a, b) => a + b, 0)};
  }

  // quantile is Figures.Quantile, in s; null for none.
  function quantile(latency, part) {
    const rank = part * latency.reduce((a, b) => a + b, 0);
    let below = 0;
    for (let i = 0; i < latency.length; i++) {
      if (latency[i] && below + latency[i] >= rank) {
        return i === latency.length - 1 ? UNIT * 2 ** (i - 1) : UNIT * 2 ** (i - 1 + (rank - below) / latency[i]);
      }
      below += latency[i];
    }
    return null;
  }

  const number = (x) => (x === null || x === undefined ? "–" : x >= 100 ? Math.round(x).toLocaleString("en") : String(Number(x.toPrecision(3))));
  function time(s) {
    if (s === null || s === undefined) return "–";
    if (s < 1e-3) return Math.round(s * 1e6) + " µs";
    return s < 1 ? Number((s * 1e3).toPrecision(3)) + " ms" : Number(s.toPrecision(3)) + " s";
  }

  // take keeps a sample and shows what it says.
  function take() {
    const now = read();
    const before = samples.at(-1);
    if (before && now.at <= before.at) return;
    samples.push(now);
    if (samples.length > KEEP) samples.shift();
    if (before) {
      for (const [key, row] of now.rows) {
        const old = before.rows.get(key);
        const n = row.latency.reduce((sum, n, i) => sum + grew(n, old?.latency[i]), 0);
        row.tr.querySelector("[data-rate]").textContent = number(n / (now.at - before.at));
        delete old?.tr; // its row is no more in the page
      }
      $("live").textContent = "live";
    }
    choices();
    draw();
  }

  // choices keeps the two lists of models as the figures have them.
  function choices() {
    const shown = $("shown");
    const names = [...new Set([...samples.at(-1).rows.values()].map((row) => row.model))];
    if (names.join(" ") !== [...shown.options].slice(1).map((o) => o.value).join(" ")) {
      const chosen = shown.value;
      shown.replaceChildren(shown.options[0], ...names.map((name) => new Option(name, name)));
      shown.value = names.includes(chosen) ? chosen : "";
    }
    const target = $("target");
    const digest = $("figures").dataset.targets;
    if (!target.dataset.digest) target.dataset.digest = digest;
    if (target.dataset.digest === digest) return;
    target.dataset.digest = digest;
    const chosen = target.value;
    htmx.ajax("GET", "/ui/targets?target=" + encodeURIComponent(chosen), {target: "#target", swap: "innerHTML"}).then(() => {
      if (target.value !== chosen || $("rows").querySelector(".alert")) target.dispatchEvent(new Event("change", {bubbles: true}));
    });
  }

  // ---- charts

  const charts = {};
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const size = (el) => ({width: Math.max(200, el.clientWidth), height: 180});

  // chart makes one anew, in the colours of now.
  function chart(id, series, axes, scales) {
    const el = $(id);
    charts[id]?.destroy();
    const line = {stroke: css("--muted"), grid: {stroke: css("--line"), width: 1}, ticks: {show: false}, font: "12px system-ui"};
    charts[id] = new uPlot({
      ...size(el), series, scales, axes: axes.map((a) => ({...line, ...a})), legend: {live: false}, cursor: {drag: {x: false, y: false}},
    }, series.map(() => []), el);
  }

  const line = (label, colour, value) => ({label, stroke: css(colour), width: 2, points: {show: false}, value: (_, v) => value(v)});
  const least = (min, most) => (_, low, high) => [Math.min(min, low ?? min), Math.max(most, high ?? most)];
  function charted() {
    const values = (as) => (_, all) => all.map((v) => (v === null ? "" : as(v)));
    const clock = {space: 90, size: 30, values: values((s) => new Date(s * 1000).toLocaleTimeString("en-GB"))};
    chart("rate", [{}, line("requests", "--accent", number), line("errors", "--bad", number)], [clock, {size: 56, values: values(number)}], {y: {range: least(0, 1)}});
    chart("latency", [{}, line("p50", "--accent", time), line("p99", "--second", time)], [clock, {size: 64, values: values(time)}], {y: {range: least(0, 1e-4)}});
    const bars = {label: "requests", width: 0, fill: css("--accent"), paths: uPlot.paths.bars({size: [0.9, 40]}), points: {show: false}};
    const bound = (i) => time(UNIT * 2 ** i);
    chart("histogram", [{}, bars], [{values: values(bound), splits: () => [0, 4, 8, 12, 16], grid: {show: false}}, {size: 56, values: values(number)}],
      {x: {time: false, range: [-0.6, 18.6]}, y: {range: least(0, 1)}});
    draw();
  }

  // draw draws the samples of the models that are shown.
  function draw() {
    if (!charts.rate || !samples.length) return;
    const model = $("shown").value;
    const at = [], rates = [], errors = [], p50 = [], p99 = [];
    for (let i = 1; i < samples.length; i++) {
      const n = between(samples[i - 1], samples[i], model);
      const took = samples[i].at - samples[i - 1].at;
      at.push(samples[i].at);
      rates.push(n.requests / took);
      errors.push(n.errors / took);
      p50.push(quantile(n.latency, 0.5));
      p99.push(quantile(n.latency, 0.99));
    }
    charts.rate.setData([at, rates, errors]);
    charts.latency.setData([at, p50, p99]);
    const all = between(null, samples.at(-1), model);
    charts.histogram.setData([all.latency.map((_, i) => i), all.latency]);
    const of = model || "all models";
    $("rate").setAttribute("aria-label", `Requests a second, ${of}: ${number(rates.at(-1))}, errors ${number(errors.at(-1))}`);
    $("latency").setAttribute("aria-label", `Latency, ${of}: half within ${time(p50.at(-1))}, 99 % within ${time(p99.at(-1))}`);
    $("histogram").setAttribute("aria-label", `Latency since the start, ${of}: ${number(all.requests)} requests, half within ${time(quantile(all.latency, 0.5))}, 99 % within ${time(quantile(all.latency, 0.99))}`);
  }

  // ---- drawing

  // drawing lets a canvas be drawn on; changed is called with its numbers after each stroke.
  function drawing(canvas, changed) {
    const c = canvas.getContext("2d", {willReadFrequently: true});
    const whole = canvas.width;
    const step = whole / 28;
    let last = null; // where the mouse is down
    let pen = {x: whole / 2, y: whole / 2, down: false}; // of the keyboard
    const line = (from, to) => {
      c.lineWidth = Number(canvas.dataset.pen); // here, since a canvas forgets all when its size is set
      c.lineCap = c.lineJoin = "round";
      c.strokeStyle = "#fff";
      c.beginPath();
      c.moveTo(from.x, from.y);
      c.lineTo(to.x, to.y);
      c.stroke();
    };
    const point = (e) => {
      const box = canvas.getBoundingClientRect();
      return {x: ((e.clientX - box.left) * whole) / box.width, y: ((e.clientY - box.top) * whole) / box.height};
    };
    canvas.addEventListener("pointerdown", (e) => {
      canvas.setPointerCapture(e.pointerId);
      last = point(e);
      canvas.dataset.drawing = "yes";
      line(last, last);
    });
    canvas.addEventListener("pointermove", (e) => {
      if (!last) return;
      for (const one of e.getCoalescedEvents?.() ?? [e]) {
        const to = point(one);
        line(last, to);
        last = to;
      }
    });
    const up = () => {
      if (last) changed(numbers(canvas));
      last = null;
      delete canvas.dataset.drawing;
    };
    canvas.addEventListener("pointerup", up);
    canvas.addEventListener("pointercancel", up);
    const clear = () => {
      c.clearRect(0, 0, whole, whole);
      pen.down = false;
      changed(null);
    };
    const moves = {ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step]};
    canvas.addEventListener("keydown", (e) => {
      if (moves[e.key]) {
        const clip = (v) => Math.min(whole - step, Math.max(step, v));
        const to = {x: clip(pen.x + moves[e.key][0]), y: clip(pen.y + moves[e.key][1]), down: pen.down};
        if (pen.down) line(pen, to);
        pen = to;
      } else if (e.key === " ") {
        pen.down = !pen.down;
        if (pen.down) line(pen, pen);
        else changed(numbers(canvas));
      } else if (e.key === "Delete" || e.key === "Backspace") {
        clear();
      } else {
        return;
      }
      e.preventDefault();
      $("canvas-help").textContent = `The pen is ${pen.down ? "down" : "up"}, at column ${Math.round(pen.x / step)}, row ${Math.round(pen.y / step)} of 28.`;
    });
    $("clear").addEventListener("click", clear);
  }

  // numbers returns a drawing as the rows of an image, null if it is empty: what is drawn fills the image but for its margin. With a margin
  // its centre of mass is the image's, as in MNIST.
  function numbers(canvas) {
    const side = Number(canvas.dataset.side), margin = Number(canvas.dataset.margin), whole = canvas.width;
    const ink = canvas.getContext("2d").getImageData(0, 0, whole, whole).data;
    let x0 = whole, x1 = -1, y0 = whole, y1 = -1, sum = 0, sx = 0, sy = 0;
    for (let y = 0; y < whole; y++) {
      for (let x = 0; x < whole; x++) {
        const a = ink[4 * (y * whole + x) + 3];
        if (!a) continue;
        x0 = Math.min(x0, x);
        x1 = Math.max(x1, x);
        y0 = Math.min(y0, y);
        y1 = Math.max(y1, y);
        sum += a;
        sx += a * (x + 0.5);
        sy += a * (y + 0.5);
      }
    }
    if (!sum) return null;
    const scale = Math.max(x1 - x0 + 1, y1 - y0 + 1) / (side - 2 * margin); // of the drawing, a pixel of the image
    const mx = margin ? sx / sum : (x0 + x1 + 1) / 2, my = margin ? sy / sum : (y0 + y1 + 1) / 2;
    const white = Number($("ink").value) || 0;
    const fine = 8; // looks at a pixel, each way
    const out = [];
    for (let j = 0; j < side; j++) {
      for (let i = 0; i < side; i++) {
        let a = 0;
        for (let v = 0; v < fine; v++) {
          for (let u = 0; u < fine; u++) {
            const x = Math.floor(mx + (i + (u + 0.5) / fine - side / 2) * scale), y = Math.floor(my + (j + (v + 0.5) / fine - side / 2) * scale);
            if (x >= 0 && y >= 0 && x < whole && y < whole) a += ink[4 * (y * whole + x) + 3];
          }
        }
        out.push(Number(((a / (255 * fine * fine)) * white).toPrecision(4)));
      }
    }
    return out;
  }

  // drawable finds the canvas of a form that has come.
  function drawable() {
    const canvas = $("canvas");
    if (!canvas || canvas.dataset.ready) return;
    canvas.dataset.ready = "yes";
    const fill = (row) => {
      $("row").value = row ? "[" + row.join(", ") + "]" : "";
      if (row) $("ask").requestSubmit();
    };
    drawing(canvas, fill);
    $("ink").addEventListener("change", () => fill(numbers(canvas)));
  }

  // ---- the page

  const of = (e) => e.detail.target ?? e.detail.elt;
  document.addEventListener("htmx:beforeRequest", (e) => {
    if (document.hidden && e.detail.elt.id === "figures") e.preventDefault();
  });
  document.addEventListener("htmx:beforeSwap", (e) => {
    const {xhr} = e.detail;
    if (of(e).id === "answer" && xhr.status >= 400) {
      e.detail.shouldSwap = true; // it says what is wrong
      e.detail.isError = false;
      if (!xhr.getResponseHeader("Content-Type")?.startsWith("text/html")) {
        const p = document.createElement("p");
        p.className = "alert";
        p.textContent = `${xhr.status} ${xhr.responseText.slice(0, 200)}`;
        e.detail.serverResponse = p.outerHTML;
      }
    }
    if (of(e).id !== "figures") return;
    const selection = getSelection();
    if ($("canvas")?.dataset.drawing || (selection && !selection.isCollapsed && $("figures").contains(selection.anchorNode))) {
      e.detail.shouldSwap = false; // somebody draws below it, or copies from it
    }
  });
  document.addEventListener("htmx:afterSwap", () => {
    drawable();
    take();
  });
  const lost = (e) => {
    if (of(e).id === "figures") $("live").textContent = "the server does not answer";
    else if (of(e).id === "answer") $("answer").textContent = "The server does not answer.";
  };
  document.addEventListener("htmx:sendError", lost);
  document.addEventListener("htmx:timeout", lost);
  $("shown").addEventListener("change", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", charted);
  new ResizeObserver(() => {
    for (const [id, c] of Object.entries(charts)) if (size($(id)).width !== c.width) c.setSize(size($(id)));
  }).observe(document.querySelector("main"));
  charted();
  take();
  drawable();
})();
