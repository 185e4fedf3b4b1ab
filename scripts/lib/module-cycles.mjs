// Finds circular dependencies between the modules of each crate of the workspace. Called by scripts/lint-modules.
//
// A module depends on every module that it declares (`mod child;`) and on every module of its crate that it names in a path
// (`crate::`, `super::` or `self::`, in `use` or elsewhere). A path counts for the module that it names, even if that module
// only re-exports the item. So a child that imports anything from its parent is a circle. Code under `#[cfg(test)]` does not
// count.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";

const TOKEN = /\/\/[^\n]*|\/\*|r(#*)"[\s\S]*?"\1|"(?:\\[\s\S]|[^"\\])*"|'(?:\\.[^']*|[^'\\])'|[A-Za-z_]\w*|::|\S/g;

/** Splits Rust code into tokens, without comments, strings and characters. */
function tokenize(text) {
  const tokens = [];
  TOKEN.lastIndex = 0;
  for (let match = TOKEN.exec(text); match; match = TOKEN.exec(text)) {
    const [token] = match;
    if (token === "/*") {
      let depth = 1;
      const comment = /\/\*|\*\//g;
      comment.lastIndex = TOKEN.lastIndex;
      while (depth > 0) {
        const edge = comment.exec(text);
        if (!edge) return tokens;
        depth += edge[0] === "/*" ? 1 : -1;
      }
      TOKEN.lastIndex = comment.lastIndex;
    } else if (!/^(?:\/\/|r#*"|"|'.)/.test(token)) {
      tokens.push(token);
    }
  }
  return tokens;
}

/** Returns the index after the item at `start`: after its `;` or its closing brace. */
function skipItem(tokens, start) {
  let depth = 0;
  for (let index = start; index < tokens.length; index++) {
    if (["{", "(", "["].includes(tokens[index])) depth++;
    if (["}", ")", "]"].includes(tokens[index])) depth--;
    if (depth === 0 && (tokens[index] === ";" || tokens[index] === "}")) return index + 1;
  }
  return tokens.length;
}

/** Reads a `use` tree or a path from `start` on, and passes each full path to `found`. Returns the index after it. */
function readPath(tokens, start, prefix, found) {
  const path = [...prefix];
  let index = start;
  for (;;) {
    if (tokens[index] === "{") {
      index++;
      while (index < tokens.length && tokens[index] !== "}") {
        index = readPath(tokens, index, path, found);
        while (tokens[index] !== "," && tokens[index] !== "}" && index < tokens.length) index++;
        if (tokens[index] === ",") index++;
      }
      return index + 1;
    }
    if (!/^[A-Za-z_]/.test(tokens[index] ?? "")) break;
    path.push(tokens[index++]);
    if (tokens[index] !== "::") break;
    index++;
  }
  found(path);
  return index;
}

/** Reads one file: the modules that it declares, and the paths in it, relative to the crate. */
function readModule(file, module) {
  const tokens = tokenize(readFileSync(file, "utf8"));
  const children = [];
  const paths = [];
  // The modules that enclose the current token: the file, and the inline modules with the depth of their braces.
  const inline = [];
  let depth = 0;
  const resolve = (path) => {
    let base = [...module, ...inline.map(({ name }) => name)];
    let rest = path;
    if (rest[0] === "crate") [base, rest] = [[], rest.slice(1)];
    if (rest[0] === "self") rest = rest.slice(1);
    while (rest[0] === "super") [base, rest] = [base.slice(0, -1), rest.slice(1)];
    paths.push([...base, ...rest]);
  };
  for (let index = 0; index < tokens.length; ) {
    const token = tokens[index];
    if (token === "#" && tokens.slice(index, index + 7).join("") === "#[cfg(test)]") {
      index = skipItem(tokens, index + 7);
    } else if (token === "mod" && tokens[index + 2] === ";") {
      children.push([...module, ...inline.map(({ name }) => name), tokens[index + 1]]);
      index += 3;
    } else if (token === "mod" && tokens[index + 2] === "{") {
      inline.push({ name: tokens[index + 1], depth: depth++ });
      index += 3;
    } else if (["crate", "self", "super"].includes(token) && tokens[index + 1] === "::" && tokens[index - 1] !== "::") {
      index = readPath(tokens, index, [], resolve);
    } else {
      if (token === "{") depth++;
      if (token === "}" && --depth === inline.at(-1)?.depth) inline.pop();
      index++;
    }
  }
  return { children, paths };
}

/** Reads all modules of a crate, from its root file on. Returns the files that each file depends on. */
function readCrate(root) {
  const modules = new Map();
  const load = (file, module) => {
    const found = readModule(file, module);
    modules.set(module.join("::"), { file, ...found });
    const isRoot = module.length === 0 || basename(file) === "mod.rs";
    const directory = isRoot ? dirname(file) : join(dirname(file), basename(file, ".rs"));
    for (const child of found.children) {
      const path = join(directory, ...child.slice(module.length));
      load(existsSync(`${path}.rs`) ? `${path}.rs` : join(path, "mod.rs"), child);
    }
  };
  load(root, []);
  // The longest prefix of a path that is the path of a file's module.
  const owner = (path) => {
    for (let length = path.length; length > 0; length--) {
      const module = modules.get(path.slice(0, length).join("::"));
      if (module) return module.file;
    }
    return root;
  };
  const graph = new Map();
  for (const { file, children, paths } of modules.values()) {
    graph.set(file, new Set([...children, ...paths].map(owner).filter((other) => other !== file)));
  }
  return graph;
}

/** Returns a shortest circle through `start`, as a list of files, if there is one. */
function circleThrough(graph, start) {
  const from = new Map([[start, null]]);
  for (const file of from.keys()) {
    for (const next of graph.get(file)) {
      if (next === start) {
        const circle = [start];
        for (let step = file; step !== start; step = from.get(step)) circle.splice(1, 0, step);
        return [...circle, start];
      }
      if (!from.has(next)) from.set(next, file);
    }
  }
  return undefined;
}

const metadata = JSON.parse(execFileSync("cargo", ["metadata", "--no-deps", "--locked", "--format-version", "1"]));
const show = (file) => relative(metadata.workspace_root, file);
let failed = false;
for (const { targets } of metadata.packages) {
  for (const { kind, src_path } of targets) {
    if (kind.includes("custom-build")) continue;
    const graph = readCrate(src_path);
    const reported = new Set();
    for (const file of graph.keys()) {
      const circle = circleThrough(graph, file);
      if (!circle || circle.some((member) => reported.has(member))) continue;
      for (const member of circle) reported.add(member);
      failed = true;
      console.log(`circular: ${circle.map(show).join(" -> ")}`);
    }
    console.log(`${show(src_path)}: ${graph.size} modules`);
  }
}
process.exitCode = failed ? 1 : 0;
