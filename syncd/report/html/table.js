// The list of all changes: sorted and filtered as columns of numbers; only the rows in view are elements of the page.
// Text that people wrote reaches the page as textContent and never as markup.
"use strict";
(() => {
  const log = document.getElementById("log");
  if (!log) return;
  const data = JSON.parse(document.getElementById("data").textContent);
  const count = data.count;
  const TALLEST = 8e6; // pixels; browsers cannot make an element much taller
  const PRINTED = 300;
  const OVER = 6; // rows drawn above and below those in view
  const phone = matchMedia("(max-width: 720px)");
  const NAMES = {
    to_database: "FiftyOne → database", to_fiftyone: "database → FiftyOne",
  };

  const texts = {};
  const numbers = {};
  for (const [name, column] of Object.entries(data.columns)) {
    if (column.values) texts[name] = { values: column.values, codes: Int32Array.from(column.codes) };
    else numbers[name] = summed(column.differences);
  }
  data.columns = null;

  function summed(differences) {
    const found = new Float64Array(differences.length);
    let sum = 0;
    differences.forEach((difference, row) => {
      if (difference === null) found[row] = NaN;
      else found[row] = sum += difference;
    });
    return found;
  }

  const text = (name, row) => {
    const code = texts[name].codes[row];
    return code < 0 ? null : texts[name].values[code];
  };
  const time = (row) => {
    const at = numbers.time[row];
    return Number.isNaN(at) ? "not written" : new Date(at).toISOString().slice(0, 16).replace("T", " ");
  };
  const images = [...document.querySelectorAll(".gallery img")].map((each) => each.src);
  const missing = new Set(data.missing.map((key) => key.join("\u0000")));
  const pictured = data.pictures.length > 0 && (images.length > 0 || missing.size > 0);

  // ---- filters: of each column a table of which values are wanted, so that a row costs one look-up
  const state = { find: "", chosen: {}, pair: null, sort: "seq", down: true };
  const SEARCHED = ["old", "new", "actor", "reason", "annotation_id", "run_id", "binding", "field", "sample_id"];
  let shown = new Uint32Array(count).map((_, row) => row);

  function wanted() {
    const tests = [];
    for (const [name, value] of Object.entries(state.chosen)) {
      if (value === "") continue;
      if (name === "class") {
        const [old, now] = [texts.old, texts.new].map((column) => column.values.indexOf(value));
        tests.push((row) => holdsLabel(row) && (is("old", row, old) || is("new", row, now)));
      } else {
        const code = value === "none" ? -1 : Number(value);
        const codes = texts[name].codes;
        tests.push((row) => codes[row] === code);
      }
    }
    if (state.pair) {
      const [old, now] = ["old", "new"].map((side, end) => {
        const value = state.pair[end];
        return value === null ? -1 : texts[side].values.indexOf(value);
      });
      tests.push((row) => texts.field.codes[row] === labelField && texts.old.codes[row] === old && texts.new.codes[row] === now);
    }
    for (const word of state.find.toLowerCase().split(/\s+/).filter(Boolean)) {
      const hits = SEARCHED.map((name) => {
        const { values, codes } = texts[name];
        return { codes, hit: Uint8Array.from(values, (value) => (value.toLowerCase().includes(word) ? 1 : 0)) };
      }).filter(({ hit }) => hit.includes(1));
      const seq = /^\d+$/.test(word) ? Number(word) : null;
      tests.push((row) => numbers.seq[row] === seq || hits.some(({ codes, hit }) => codes[row] >= 0 && hit[codes[row]]));
    }
    return tests;
  }
  const labelField = texts.field.values.indexOf("label");
  const holdsLabel = (row) => texts.field.codes[row] === labelField || texts.field.codes[row] === -1;
  const is = (name, row, code) => code >= 0 && texts[name].codes[row] === code;

  function keys(name) {
    if (numbers[name]) return numbers[name];
    const { values, codes } = texts[name];
    const places = new Float64Array(values.length);
    const compare = values.length > 20000 ? (one, other) => (one < other ? -1 : 1) : new Intl.Collator().compare;
    [...values.keys()].sort((one, other) => compare(values[one], values[other])).forEach((code, place) => (places[code] = place));
    return Float64Array.from(codes, (code) => (code < 0 ? Infinity : places[code]));
  }

  function refresh() {
    const tests = wanted();
    const found = [];
    for (let row = 0; row < count; row++) if (tests.every((test) => test(row))) found.push(row);
    shown = Uint32Array.from(found);
    const by = keys(state.sort);
    const way = state.down ? -1 : 1;
    // Rows come newest first: what is equal stays so. NaN (never written) is last either way.
    if (!(state.sort === "seq" && state.down)) {
      shown.sort((one, other) => {
        const [a, b] = [by[one], by[other]];
        if (a === b) return one - other;
        if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b) || one - other;
        return a < b ? -way : way;
      });
    }
    log.scrollTop = 0;
    const all = count.toLocaleString("en");
    document.getElementById("count").textContent =
      shown.length === count ? `${all} ${count === 1 ? "change" : "changes"}` : `${shown.length.toLocaleString("en")} of ${all} changes`;
    const pair = state.pair ? `: ${isolated(state.pair[0])} → ${isolated(state.pair[1])}` : "";
    document.getElementById("count").textContent += pair;
    document.getElementById("clear").hidden = shown.length === count && !state.pair;
    log.setAttribute("aria-rowcount", String(shown.length + 1));
    for (const each of head.children) {
      if (each.dataset.name) each.setAttribute("aria-sort", each.dataset.name === state.sort ? (state.down ? "descending" : "ascending") : "none");
    }
    draw();
  }
  const isolated = (value) => (value === null ? "(no label)" : `\u2068${value}\u2069`);

  // ---- controls
  const filters = document.querySelector(".filters");
  function choice(name, title, options) {
    if (options.length < 2) return;
    const label = element("label", "", `${title} `);
    const select = document.createElement("select");
    select.id = `choose-${name}`;
    select.append(new Option("all", ""), ...options.map(([value, shownAs]) => new Option(shownAs, value)));
    select.addEventListener("change", () => {
      state.chosen[name] = select.value;
      refresh();
    });
    label.append(select);
    filters.append(label);
  }
  const short = (value) => (value.length > 60 ? `${value.slice(0, 59)}…` : value || "(empty)");
  function coded(name, title, none, names = {}) {
    const { values, codes } = texts[name];
    const order = [...values.keys()].sort((one, other) => (values[one] < values[other] ? -1 : 1)).slice(0, 2000);
    const options = order.map((code) => [String(code), names[values[code]] || short(values[code])]);
    if (codes.includes(-1)) options.push(["none", none]);
    choice(name, title, options);
  }
  const named = new Set();
  for (const side of ["old", "new"]) {
    const found = new Set();
    for (let row = 0; row < count; row++) if (holdsLabel(row)) found.add(texts[side].codes[row]);
    for (const code of found) if (code >= 0) named.add(texts[side].values[code]);
  }
  choice("class", "Class", [...named].sort(new Intl.Collator().compare).slice(0, 2000).map((each) => [each, short(each)]));
  coded("actor", "Who", "unknown");
  coded("direction", "Written to", "neither", { to_database: "database", to_fiftyone: "FiftyOne" });
  coded("reason", "Reason", "none");
  coded("field", "Field", "whole annotation");
  coded("binding", "Binding", "none");
  coded("status", "Status", "none");

  const find = document.getElementById("find");
  let waiting = 0;
  find.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      state.find = find.value;
      refresh();
    }, 120);
  });
  function clear() {
    find.value = state.find = "";
    state.chosen = {};
    state.pair = null;
    for (const select of filters.querySelectorAll("select")) select.value = "";
  }
  document.getElementById("clear").addEventListener("click", () => {
    clear();
    refresh();
    find.focus();
  });
  addEventListener("pair", (event) => {
    clear();
    state.pair = event.detail;
    refresh();
    document.getElementById("changes").scrollIntoView();
  });

  // ---- rows
  const COLUMNS = [
    ...(pictured ? [["", "", "84px"]] : []),
    ["seq", "Time", "8.6rem"], ["old", "From", "minmax(7rem, 1.2fr)"], ["new", "To", "minmax(7rem, 1.2fr)"],
    ["actor", "Who", "minmax(5.5rem, .9fr)"], ["reason", "Reason", "minmax(6rem, .9fr)"],
    ["annotation_id", "Annotation", "minmax(6rem, .8fr)"], ["", "Undo", "minmax(15rem, 1.1fr)"],
  ];
  log.style.setProperty("--grid", COLUMNS.map((each) => each[2]).join(" "));
  const head = element("div", "head");
  head.setAttribute("role", "row");
  head.setAttribute("aria-rowindex", "1");
  COLUMNS.forEach(([name, title], place) => {
    const cell = element("span", name ? "" : "plain");
    cell.setAttribute("role", "columnheader");
    if (name) {
      cell.dataset.name = name;
      const button = element("button", "", title);
      button.type = "button";
      button.addEventListener("click", () => {
        state.down = state.sort === name ? !state.down : name === "seq";
        state.sort = name;
        refresh();
      });
      cell.append(button);
    } else cell.textContent = title || (pictured && place === 0 ? "Picture" : "");
    head.append(cell);
  });
  const body = element("div", "body");
  body.setAttribute("role", "rowgroup");
  log.append(wrapped(head), body);

  function wrapped(row) {
    row.parentElement?.removeChild(row);
    const group = element("div", "group");
    group.setAttribute("role", "rowgroup");
    group.style.display = "contents";
    group.append(row);
    return group;
  }

  function element(name, style, content) {
    const made = document.createElement(name);
    if (style) made.className = style;
    if (content !== undefined) made.textContent = content;
    return made;
  }

  function value(side, row, style) {
    const cell = element("span", `${style} two-lines`);
    if (side === "new") cell.append(element("span", "arrow", "→ "));
    const found = text(side, row);
    cell.append(found === null ? element("span", "none", nothing(side, row)) : element("bdi", side === "new" ? "new" : "", found));
    cell.title = found === null ? "" : found;
    return cell;
  }

  function nothing(side, row) {
    const action = text("action", row);
    if (text("field", row) === null && action === "insert") return side === "old" ? "new annotation" : "–";
    if (text("field", row) === null && action === "delete") return side === "new" ? "deleted" : "–";
    return "nothing";
  }

  function picture(row) {
    const cell = element("span", "picture");
    const place = data.pictures[row];
    if (place >= 0 && images[place]) {
      const image = new Image();
      image.src = images[place];
      image.alt = "";
      cell.append(image);
    } else if (missing.has(`${text("binding", row)}\u0000${text("annotation_id", row)}`)) {
      cell.append(element("span", "absent", "no image"));
    }
    return cell;
  }

  function links(row) {
    const cell = element("span", "links");
    const app = data.apps[text("binding", row)];
    const sample = text("sample_id", row);
    if (text("status", row) === "applied") {
      const command = `syncd undo ${numbers.seq[row]}`;
      const button = element("button", "", "Copy");
      button.type = "button";
      button.setAttribute("aria-label", `Copy: ${command}`);
      button.addEventListener("click", () => copy(command, button));
      cell.append(element("code", "", command), button);
    } else cell.append(element("span", "mark", text("status", row)));
    if (app && sample) {
      const link = element("a", "", "App");
      link.href = app + encodeURIComponent(sample);
      link.target = "_blank";
      link.rel = "noopener noreferrer";
      link.setAttribute("aria-label", "Open the sample in the FiftyOne App");
      cell.append(link);
    }
    return cell;
  }

  async function copy(command, button) {
    try {
      await navigator.clipboard.writeText(command);
    } catch {
      // A page opened from a disk may not use the clipboard by itself everywhere.
      const box = document.createElement("textarea");
      box.value = command;
      document.body.append(box);
      box.select();
      document.execCommand("copy");
      box.remove();
    }
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  }

  function line(row, place) {
    const made = element("div", pictured ? "row pictured" : "row");
    made.setAttribute("role", "row");
    made.setAttribute("aria-rowindex", String(place + 2));
    const field = text("field", row);
    const why = element("span", "why", text("reason", row) ?? "–");
    if (field !== "label") why.append(element("small", "", field === null ? `${text("action", row)}, whole annotation` : field));
    const by = element("span", "by two-lines");
    const actor = text("actor", row);
    by.append(actor === null ? element("span", "none", "unknown") : element("bdi", "", actor));
    by.title = actor ?? "";
    const at = element("span", "time", time(row));
    at.append(element("small", "", NAMES[text("direction", row)] ?? "both agreed"));
    const which = element("span", "which");
    const id = text("annotation_id", row);
    which.append(id === null ? element("span", "none", "–") : element("code", "", id));
    which.title = id ?? "";
    const cells = [at, value("old", row, "from"), value("new", row, "to"), by, why, which, links(row)];
    if (pictured) cells.unshift(picture(row));
    for (const cell of cells) cell.setAttribute("role", "cell");
    made.append(...cells);
    return made;
  }

  function draw() {
    const high = phone.matches ? (pictured ? 122 : 118) : pictured ? 72 : 56;
    log.style.setProperty("--row", `${high}px`);
    const full = shown.length * high;
    const tall = Math.min(full, TALLEST);
    body.style.height = `${Math.max(tall, 60)}px`;
    if (!shown.length) {
      const row = element("div", "");
      row.setAttribute("role", "row");
      const cell = element("div", "nothing", "No change is like that.");
      cell.setAttribute("role", "cell");
      row.append(cell);
      body.replaceChildren(row);
      return;
    }
    // Where the list would be too tall for the browser, a way scrolled stands for a longer one.
    const view = log.clientHeight - head.offsetHeight;
    const room = tall - view;
    const top = room > 0 ? (Math.min(log.scrollTop, room) / room) * (full - view) : 0;
    const first = Math.max(Math.floor(top / high) - OVER, 0);
    const last = Math.min(Math.ceil((top + view) / high) + OVER, shown.length);
    const rows = [];
    for (let place = first; place < last; place++) {
      const row = line(shown[place], place);
      row.style.top = `${place * high - top + Math.min(log.scrollTop, Math.max(room, 0))}px`;
      rows.push(row);
    }
    body.replaceChildren(...rows);
  }

  let asked = false;
  const soon = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      draw();
    });
  };
  log.addEventListener("scroll", soon, { passive: true });
  addEventListener("resize", soon);
  phone.addEventListener("change", soon);

  // ---- paper has the beginning of the list as it is shown at that moment
  addEventListener("beforeprint", () => {
    const table = element("table", "");
    const titles = element("tr", "");
    for (const title of ["time", "from", "to", "who", "reason", "annotation", "undo"]) titles.append(element("th", "", title));
    table.append(element("thead", ""), element("tbody", ""));
    table.tHead.append(titles);
    for (const row of shown.slice(0, PRINTED)) {
      const cells = [time(row), text("old", row) ?? nothing("old", row), text("new", row) ?? nothing("new", row)];
      cells.push(text("actor", row) ?? "unknown", text("reason", row) ?? "–", text("annotation_id", row) ?? "–", text("status", row) === "applied" ? `syncd undo ${numbers.seq[row]}` : text("status", row));
      const made = element("tr", "");
      for (const each of cells) {
        const cell = element("td", "");
        cell.append(element("bdi", "", each));
        made.append(cell);
      }
      table.tBodies[0].append(made);
    }
    const rest = shown.length - Math.min(shown.length, PRINTED);
    const printed = document.getElementById("printed");
    printed.replaceChildren(table);
    if (rest) printed.append(element("p", "note", `… and ${rest.toLocaleString("en")} more, in the file that this was printed from.`));
  });
  addEventListener("afterprint", () => document.getElementById("printed").replaceChildren());

  refresh();
})();
