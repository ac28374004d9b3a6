// Steps ONNX models one ms at a time in onnxruntime. usage: node onnx_step.js TASK.json, with NODE_PATH where the
// package onnxruntime-node is. TASK: {models: [{file, rows, inputs, steps, events: [[ms, row, synapse], ..], states:
// {name: shape}}]}. Prints {outputs: [{name: [ms][values]}], states: [{name: values}]} of each.
const fs = require("fs");
const ort = require("onnxruntime-node");

async function run(m) {
  const session = await ort.InferenceSession.create(m.file, { intraOpNumThreads: 1, interOpNumThreads: 1 });
  const want = ["spikes", ...Object.keys(m.states)].sort().join();
  if (session.inputNames.slice().sort().join() !== want) throw new Error(`${m.file} takes ${session.inputNames}, want ${want}`);
  const zeros = (shape) => new ort.Tensor("float32", new Float32Array(shape.reduce((a, b) => a * b, m.rows)), [m.rows, ...shape]);
  const state = {};
  for (const name in m.states) state[name] = zeros(m.states[name]);
  const spikes = Array.from({ length: m.steps }, () => zeros([m.inputs]));
  for (const [ms, row, synapse] of m.events) spikes[ms].data[row * m.inputs + synapse]++;
  const outputs = {};
  for (let ms = 0; ms < m.steps; ms++) {
    const y = await session.run({ spikes: spikes[ms], ...state });
    for (const name in y) {
      if (name.startsWith("next.")) {
        const was = state[name.slice(5)];
        if (!was || was.dims.join() !== y[name].dims.join()) throw new Error(`${m.file}: ${name} has shape ${y[name].dims}`);
        state[name.slice(5)] = y[name];
      } else (outputs[name] ||= []).push(Array.from(y[name].data));
    }
  }
  const last = {};
  for (const name in state) last[name] = Array.from(state[name].data);
  return [outputs, last];
}

(async () => {
  const task = JSON.parse(fs.readFileSync(process.argv[2]));
  const out = { outputs: [], states: [] };
  for (const m of task.models) {
    const [outputs, states] = await run(m);
    out.outputs.push(outputs);
    out.states.push(states);
  }
  console.log(JSON.stringify(out));
})().catch((e) => {
  console.error(e.message);
  process.exit(1);
});
