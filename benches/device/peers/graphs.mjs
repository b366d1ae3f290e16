// Writes the graphs that onnxruntime-web runs: forward, score, train, dpp.
//
//   node graphs.mjs FOLDER      with onnx-proto in a node_modules that node finds from the working directory

import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { RIDGE, SHAPE, makeData } from "./data.js";

const { onnx } = createRequire(join(process.cwd(), "node_modules/here.js"))("onnx-proto");
const [FLOAT, INT64] = [onnx.TensorProto.DataType.FLOAT, onnx.TensorProto.DataType.INT64];
const { INT, INTS } = onnx.AttributeProto.AttributeType;
/** Operators as of ONNX 1.12: axes are inputs of ReduceSum and attributes of ReduceMean. */
const [OPSET, IR] = [17, 8];
const { batch: B, history: H, d: D, hidden: N, user: U, songs: SONGS, top: TOP, pool: POOL, slate: SLATE } = SHAPE;

/** A graph as a list of calls. */
class Graph {
  constructor(name) {
    Object.assign(this, { name, node: [], initializer: [], input: [], output: [] });
  }

  #described(name, shape, elemType) {
    return { name, type: { tensorType: { elemType, shape: { dim: shape.map((dimValue) => ({ dimValue })) } } } };
  }

  takes(name, ...shape) {
    this.input.push(this.#described(name, shape, FLOAT));
    return name;
  }

  gives(name, shape, elemType = FLOAT) {
    this.output.push(this.#described(name, shape, elemType));
    return this;
  }

  /** A constant; integers become int64, which is what shapes and axes are. */
  constant(values, dims, integers = false) {
    const name = `constant_${this.initializer.length}`;
    const typed = integers ? BigInt64Array.from(values, BigInt) : Float32Array.from(values);
    this.initializer.push({ name, dims, dataType: integers ? INT64 : FLOAT, rawData: new Uint8Array(typed.buffer) });
    return name;
  }

  axes(...values) {
    return this.constant(values, [values.length], true);
  }

  call(opType, input, attributes = {}, output = `${opType}_${this.node.length}`) {
    const attribute = Object.entries(attributes).map(([name, value]) => (Array.isArray(value) ? { name, type: INTS, ints: value } : { name, type: INT, i: value }));
    this.node.push({ opType, input, output: [output].flat(), attribute, name: `${opType}_${this.node.length}` });
    return output;
  }

  write(folder) {
    const { name, node, initializer, input, output } = this;
    const model = { irVersion: IR, opsetImport: [{ domain: "", version: OPSET }], producerName: "sottovoce-bench", graph: { name, node, initializer, input, output } };
    writeFileSync(join(folder, `${name}.onnx`), onnx.ModelProto.encode(onnx.ModelProto.fromObject(model)).finish());
  }
}

/** `count` histories to user embeddings, and what its gradient needs. */
function embed(g, count, w, name) {
  const rows = g.call("Reshape", ["histories", g.axes(count * H, D)]);
  const scores = g.call("Mul", [g.call("MatMul", [rows, w.query]), g.constant([1 / 8], [])]);
  const attention = g.call("Softmax", [g.call("Reshape", [scores, g.axes(count, H)])], { axis: 1 });
  const pooled = g.call("Reshape", [g.call("MatMul", [g.call("Reshape", [attention, g.axes(count, 1, H)]), "histories"]), g.axes(count, D)]);
  const mean = g.call("ReduceMean", ["histories"], { axes: [1], keepdims: 0 });
  const x = g.call("Concat", [pooled, mean], { axis: 1 });
  const z = g.call("Gemm", [x, w.hidden, w.hiddenBias]);
  const h = g.call("Relu", [z]);
  return { rows, attention, x, z, h, user: g.call("Gemm", [h, w.out, w.outBias], {}, name) };
}

const SHAPES = { query: [D, 1], hidden: [2 * D, N], hiddenBias: [N], out: [N, U], outBias: [U] };

function forward({ weights }) {
  const g = new Graph("forward");
  g.takes("histories", 1, H, D);
  embed(g, 1, Object.fromEntries(Object.entries(SHAPES).map(([name, shape]) => [name, g.constant(weights[name], shape)])), "user");
  return g.gives("user", [1, U]);
}

function score({ items }) {
  const g = new Graph("score");
  g.takes("query", 1, U);
  const columns = new Float32Array(U * SONGS).map((_, at) => items[(at % SONGS) * U + Math.floor(at / SONGS)]);
  const scores = g.call("MatMul", ["query", g.constant(columns, [U, SONGS])]);
  g.call("TopK", [scores, g.axes(TOP)], { axis: 1 }, ["values", "best"]);
  return g.gives("best", [1, TOP], INT64);
}

/** Loss, gradient and step, equation by equation. */
function train() {
  const g = new Graph("train");
  g.takes("histories", B, H, D);
  g.takes("songs", B, U);
  g.takes("rate");
  const w = Object.fromEntries(Object.entries(SHAPES).map(([name, shape]) => [name, g.takes(name, ...shape)]));
  const { rows, attention, x, z, h, user } = embed(g, B, w);
  const logarithms = g.call("LogSoftmax", [g.call("Gemm", [user, "songs"], { transB: 1 })], { axis: 1 });
  const right = g.constant(Float32Array.from({ length: B * B }, (_, at) => (at % (B + 1) === 0 ? 1 : 0)), [B, B]);
  const share = g.constant([1 / B], []);
  g.call("Neg", [g.call("Mul", [g.call("ReduceSum", [g.call("Mul", [logarithms, right])], { keepdims: 0 }), share])], {}, "loss");

  const dLogits = g.call("Mul", [g.call("Sub", [g.call("Exp", [logarithms]), right]), share]);
  const dUser = g.call("MatMul", [dLogits, "songs"]);
  const active = g.call("Cast", [g.call("Greater", [z, g.constant([0], [])])], { to: FLOAT });
  const dZ = g.call("Mul", [g.call("Gemm", [dUser, w.out], { transB: 1 }), active]);
  const upper = g.call("Slice", [w.hidden, g.axes(0), g.axes(D), g.axes(0)]);
  const dPooled = g.call("Reshape", [g.call("Gemm", [dZ, upper], { transB: 1 }), g.axes(B, D, 1)]);
  const dAttention = g.call("Reshape", [g.call("MatMul", ["histories", dPooled]), g.axes(B, H)]);
  const inner = g.call("ReduceSum", [g.call("Mul", [attention, dAttention]), g.axes(1)], { keepdims: 1 });
  const dScores = g.call("Mul", [g.call("Mul", [attention, g.call("Sub", [dAttention, inner])]), g.constant([1 / 8], [])]);
  const gradient = {
    query: g.call("Gemm", [rows, g.call("Reshape", [dScores, g.axes(B * H, 1)])], { transA: 1 }),
    hidden: g.call("Gemm", [x, dZ], { transA: 1 }),
    hiddenBias: g.call("ReduceSum", [dZ, g.axes(0)], { keepdims: 0 }),
    out: g.call("Gemm", [h, dUser], { transA: 1 }),
    outBias: g.call("ReduceSum", [dUser, g.axes(0)], { keepdims: 0 }),
  };
  g.gives("loss", []);
  for (const [name, shape] of Object.entries(SHAPES)) {
    g.call("Sub", [w[name], g.call("Mul", [gradient[name], "rate"])], {}, `${name}_after`);
    g.gives(`${name}_after`, shape);
  }
  return g;
}

/** The greedy choice, unrolled: `features` grows by a column a step, which then counts with a minus. */
function dpp() {
  const g = new Graph("dpp");
  g.takes("rows", POOL, D);
  g.takes("quality", POOL, 1);
  const scaled = g.call("Mul", ["rows", "quality"]);
  let features = g.call("Mul", [scaled, g.constant([Math.sqrt(1 - RIDGE)], [])]);
  const lengths = g.call("ReduceSum", [g.call("Mul", [features, features]), g.axes(1)], { keepdims: 0 });
  const own = g.call("Reshape", [g.call("Mul", [g.call("Mul", ["quality", "quality"]), g.constant([RIDGE], [])]), g.axes(POOL)]);
  let left = g.call("Add", [lengths, own]);
  const [all, never] = [g.axes(POOL), g.constant([-1e30], [1])];
  const picks = [];
  for (let t = 0; t < SLATE; t += 1) {
    const j = g.call("ArgMax", [left], { axis: 0, keepdims: 1 });
    picks.push(j);
    if (t === SLATE - 1) break;
    const row = g.call("Gather", [features, j], { axis: 0 });
    const signs = g.constant(Float32Array.from({ length: D + t }, (_, at) => (at < D ? 1 : -1)), [1, D + t]);
    const entry = g.call("Div", [g.call("Gemm", [features, g.call("Mul", [row, signs])], { transB: 1 }), g.call("Sqrt", [g.call("Gather", [left, j], { axis: 0 })])]);
    features = g.call("Concat", [features, entry], { axis: 1 });
    const flat = g.call("Reshape", [entry, all]);
    left = g.call("ScatterElements", [g.call("Sub", [left, g.call("Mul", [flat, flat])]), j, never], { axis: 0 });
  }
  g.call("Concat", picks, { axis: 0 }, "picks");
  return g.gives("picks", [SLATE], INT64);
}

const folder = process.argv[2];
if (!folder) throw new Error("no folder; next: node graphs.mjs FOLDER");
mkdirSync(folder, { recursive: true });
const data = makeData();
for (const graph of [forward(data), score(data), train(), dpp()]) graph.write(folder);
