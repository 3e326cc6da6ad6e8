/** Results as charts that README shows. */
import { init } from "echarts";
import { figuresOf, median, type Results, type ScenarioResult } from "./results.ts";
import { formatSetting } from "./table.ts";

/** A chart of bars: a group for each scenario, in it a bar for each peer. */
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
  { name: "p50", title: "How long calls take", keys: ["unary", "latency"], metric: "microseconds, p50" },
  { name: "p99", title: "How long calls take", keys: ["unary", "latency"], metric: "microseconds, p99" },
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
/** What texts take is guessed where there is no browser: there is room for a third more. */
const LABEL_WIDTH = 290;
const BAR_HEIGHT = 14;
const GROUP_GAP = 24;
/** For the title, the legend, the axis and the caption. */
const FRAME_HEIGHT = 190;

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

function draw({ title, keys, metric }: Chart, results: Results): string | undefined {
  const scenarios = results.scenarios.filter((scenario) => keys.includes(scenario.key) && hasFigures(scenario, metric));
  if (scenarios.length === 0) {
    return undefined;
  }
  const names = [...new Set(scenarios.flatMap(({ peers }) => peers.map(({ name }) => name)))];
  const better = scenarios[0]!.metrics.find(({ name }) => name === metric)!.better;
  const height = FRAME_HEIGHT + scenarios.length * (names.length * BAR_HEIGHT + GROUP_GAP);
  const chart = init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height });
  chart.setOption({
    animation: false,
    backgroundColor: "#ffffff",
    title: [
      { text: title, subtext: `${metric}, ${better} is better`, left: 16, top: 8 },
      {
        subtext: formatSetting(results).replace(/; (?=\d+ rounds)/, "\n"),
        left: 16,
        bottom: 4,
        subtextStyle: { fontSize: 10 },
      },
    ],
    legend: { top: 60, left: 16, data: names, icon: "rect", itemWidth: 12, itemHeight: 12, itemGap: 28 },
    grid: { left: LABEL_WIDTH, right: 70, top: 100, bottom: 80 },
    xAxis: { type: "value", splitLine: { lineStyle: { color: "#e5e7eb" } } },
    yAxis: {
      type: "category",
      inverse: true,
      data: scenarios.map((scenario) => scenario.title),
      axisTick: { show: false },
      axisLabel: { width: LABEL_WIDTH - 60, overflow: "break", fontSize: 11, color: "#111827" },
    },
    series: names.map((name) => ({
      type: "bar",
      name,
      barWidth: BAR_HEIGHT - 2,
      barGap: "15%",
      itemStyle: { color: colorOf(name) },
      label: { show: true, position: "right", fontSize: 10, color: "#374151" },
      data: scenarios.map((scenario) => figureOf(scenario, metric, name)),
    })),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}

function hasFigures({ metrics, peers }: ScenarioResult, metric: string): boolean {
  return metrics.some(({ name }) => name === metric) && peers.some(({ rounds }) => rounds.length > 0);
}

/** The median with three digits; `-`, which is no bar, for who was not there. */
function figureOf(scenario: ScenarioResult, metric: string, name: string): number | "-" {
  const peer = scenario.peers.find((peer) => peer.name === name);
  if (peer === undefined || peer.rounds.length === 0) {
    return "-";
  }
  const index = scenario.metrics.findIndex((each) => each.name === metric);
  return Number(median(figuresOf(peer, index)).toPrecision(3));
}
