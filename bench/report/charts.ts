/** Results as charts that README shows. */
import { init } from "echarts";
import { figuresOf, median, type Results, type ScenarioResult } from "./results.ts";
import { formatFigures, formatSetting } from "./table.ts";

/** A chart of bars: below the title of each scenario one for each peer. */
interface Chart {
  /** The name of its file, without `.svg`. */
  readonly name: string;
  readonly title: string;
  /** Of which scenarios, by their keys. */
  readonly keys: readonly string[];
  /** Which figures, by the name of their metric. */
  readonly metric: string;
}

const CALLS = "thousand calls for each CPU second";

const CHARTS: readonly Chart[] = [
  { name: "unary", title: "Unary gRPC", keys: ["unary", "tls", "complex", "deadline"], metric: CALLS },
  { name: "latency", title: "How long calls take, one at a time", keys: ["unary"], metric: "microseconds, p50" },
  { name: "latency_p50", title: "How long calls take", keys: ["latency"], metric: "microseconds, p50" },
  { name: "latency_p99", title: "How long calls take", keys: ["latency"], metric: "microseconds, p99" },
  { name: "connect", title: "Connect and gRPC-Web", keys: ["connect", "grpc-web", "fetch"], metric: CALLS },
  {
    name: "streams",
    title: "Streams",
    keys: ["server-stream", "client-stream", "bidi"],
    metric: "thousand messages for each CPU second",
  },
  { name: "clients", title: "Clients", keys: ["client"], metric: "thousand calls a second" },
  { name: "data", title: "Much data", keys: ["big", "upload", "download"], metric: "MB for each CPU second" },
  { name: "memory", title: "Idle connections", keys: ["memory"], metric: "KiB resident for each" },
];

const WIDTH = 900;
const ROW_HEIGHT = 17;
/** For names of peers, whose width is guessed where there is no browser. */
const NAME_WIDTH = 190;
/** Above the rows, for the title. */
const HEAD_HEIGHT = 70;
/** Below them, for the axis and what was measured on. */
const FOOT_HEIGHT = 76;

/** Peers have the same color in all charts. Ours is the one that stands out. */
const COLORS: Readonly<Record<string, string>> = {
  edgewire: "#1d4ed8",
  "edgewire, write()": "#60a5fa",
  tonic: "#b45309",
  "tonic-web": "#f59e0b",
  "grpc-go": "#0e7490",
  "connect-go": "#67c5d6",
  "gRPC C++": "#6d28d9",
  "grpc-js": "#4d7c0f",
  grpcio: "#be185d",
  "connect-node": "#a3b763",
  "connect-es": "#78716c",
  "edgewire, workerd": "#93c5fd",
  "connect-es, workerd": "#d6d3d1",
  "edgewire, Bun": "#bfdbfe",
  "connect-es, Bun": "#e7e5e4",
};
const OTHER_COLOR = "#9ca3af";

function colorOf(name: string): string {
  return COLORS[name] ?? COLORS[name.replace(/ \S+$/, "")] ?? OTHER_COLOR;
}

/** All charts that there are figures for, by the names of their files. */
export function drawCharts(results: Results): ReadonlyMap<string, string> {
  const drawn = new Map<string, string>();
  for (const chart of CHARTS) {
    const svg = draw(chart, results);
    if (svg !== undefined) {
      drawn.set(`${chart.name}.svg`, svg);
    }
  }
  return drawn;
}

/** A line of a chart: the title of a scenario, or a bar and its name. */
interface Row {
  readonly name: string;
  readonly bar?: { readonly value: number; readonly text: string };
}

function draw({ title, keys, metric }: Chart, results: Results): string | undefined {
  const scenarios = results.scenarios.filter(({ key, metrics }) =>
    keys.includes(key) && metrics.some(({ name }) => name === metric)
  );
  const rows = scenarios.flatMap((scenario) => rowsOf(scenario, metric));
  if (rows.length === 0) {
    return undefined;
  }
  const better = scenarios[0]!.metrics.find(({ name }) => name === metric)!.better;
  const height = HEAD_HEIGHT + rows.length * ROW_HEIGHT + FOOT_HEIGHT;
  const chart = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  chart.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    title: [
      { text: title, subtext: `${metric}, ${better} is better`, left: 16, top: 8 },
      {
        subtext: formatSetting(results).replace(/; (?=\d+ rounds?)/, "\n"),
        left: 16,
        bottom: 4,
        subtextStyle: { fontSize: 10 },
      },
    ],
    grid: { left: NAME_WIDTH, right: 130, top: HEAD_HEIGHT, bottom: FOOT_HEIGHT },
    xAxis: { type: "value", splitLine: { lineStyle: { color: "#e5e7eb" } } },
    yAxis: [
      {
        type: "category",
        inverse: true,
        data: rows.map(({ name, bar }) => bar === undefined ? "" : name),
        axisTick: { show: false },
        axisLabel: { interval: 0, fontSize: 11, color: "#374151" },
      },
    ],
    series: {
      type: "bar",
      barWidth: ROW_HEIGHT - 5,
      data: rows.map(({ name, bar }) =>
        bar === undefined
          ? {
            value: 0,
            label: { show: true, position: "right", formatter: name, fontWeight: "bold", color: "#111827" },
          }
          : {
            value: bar.value,
            itemStyle: { color: colorOf(name) },
            label: { show: true, position: "right", formatter: bar.text, fontSize: 10, color: "#374151" },
          }
      ),
    },
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}

function rowsOf(scenario: ScenarioResult, metric: string): readonly Row[] {
  const index = scenario.metrics.findIndex(({ name }) => name === metric);
  const bars = scenario.peers.filter(({ rounds }) => rounds.length > 0).map((peer) => {
    const figures = figuresOf(peer, index);
    return { name: peer.name, bar: { value: median(figures), text: formatFigures(figures) } };
  });
  return bars.length === 0 ? [] : [{ name: scenario.title }, ...bars];
}
