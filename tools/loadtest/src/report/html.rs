//! One page with everything in it: figures, plots over time as SVG, a few lines of script for reading values off them.

use super::{Report, TargetReport, text};
use crate::statistics::Interval;
use std::fmt::Write;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 70.0;
const BOTTOM: f64 = 28.0;
const TOP: f64 = 10.0;
const COLOURS: [&str; 2] = ["#2563eb", "#d97706"];

const STYLE: &str = "\
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.4rem}h2{font-size:1.05rem;margin:1.6rem 0 .3rem}pre{overflow-x:auto;font-size:13px}\
svg{width:100%;height:auto;overflow:visible}svg text{font-size:12px;fill:currentColor}\
.grid{stroke:currentColor;opacity:.15}.cursor{stroke:currentColor;opacity:.5;visibility:hidden}\
.key{display:inline-block;width:1.2em;height:.25em;margin:0 .4em .2em 1em}.read{min-height:1.5em;font-size:13px}";

/// Shows the values under the pointer. The plots work without it.
const SCRIPT: &str = "\
document.querySelectorAll('figure').forEach(function(figure){\
var svg=figure.querySelector('svg'),cursor=figure.querySelector('.cursor'),read=figure.querySelector('.read');\
var lines=JSON.parse(figure.dataset.lines),span=JSON.parse(figure.dataset.span);\
svg.addEventListener('mousemove',function(event){\
var box=svg.getBoundingClientRect(),at=(event.clientX-box.left)/box.width*span.width;\
var x=span.low+(at-span.left)/(span.width-span.left)*(span.high-span.low),text=[];\
lines.forEach(function(line){var best=null;line.points.forEach(function(point){\
if(!best||Math.abs(point[0]-x)<Math.abs(best[0]-x))best=point});\
if(best)text.push(line.name+': '+best[1].toLocaleString()+' at '+best[0].toFixed(1)+' s')});\
cursor.setAttribute('x1',at);cursor.setAttribute('x2',at);cursor.style.visibility=at>=span.left?'visible':'hidden';\
read.textContent=text.join('   ')});\
svg.addEventListener('mouseleave',function(){cursor.style.visibility='hidden';read.textContent=''})});";

/// The page.
pub fn render(report: &Report) -> String {
    let name = report.workload.name();
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{name}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><style>{STYLE}</style><h1>Load test: {name}</h1><p>"
    );
    for (target, colour) in report.targets.iter().zip(COLOURS) {
        let _ = write!(page, "<span class=\"key\" style=\"background:{colour}\"></span>{}", escape(&target.target));
    }
    page.push_str("</p>");
    page.push_str(&plot("Throughput", "operations/s", report, |interval| interval.operations_per_s));
    page.push_str(&plot("Median response latency", "ms", report, |interval| interval.p50_ms));
    page.push_str(&plot("99th percentile of response latency", "ms", report, |interval| interval.p99_ms));
    if report.targets.iter().any(|target| target.failed + target.retries > 0) {
        page.push_str(&plot("Errors and retries", "per interval", report, |i| (i.errors + i.retries) as f64));
    }
    let _ = write!(page, "<h2>Figures</h2><pre>{}</pre>", escape(text::render(report).trim()));
    let _ = write!(page, "<script>{SCRIPT}</script></html>");
    page
}

struct Line<'a> {
    name: &'a str,
    points: Vec<(f64, f64)>,
}

fn plot(title: &str, unit: &str, report: &Report, value: impl Fn(&Interval) -> f64) -> String {
    let line =
        |target: &'_ TargetReport| -> Vec<(f64, f64)> { target.series.iter().map(|i| (i.at_s, value(i))).collect() };
    let lines: Vec<Line> =
        report.targets.iter().map(|target| Line { name: &target.target, points: line(target) }).collect();
    let xs = || lines.iter().flat_map(|line| line.points.iter().map(|(x, _)| *x));
    let (low, high) = (xs().fold(0.0, f64::min), xs().fold(1e-3, f64::max));
    let top = nice(lines.iter().flat_map(|line| line.points.iter().map(|(_, y)| *y)).fold(0.0, f64::max));
    let x = |at: f64| LEFT + (at - low) / (high - low) * (WIDTH - LEFT);
    let y = |value: f64| TOP + (1.0 - value / top) * (HEIGHT - TOP - BOTTOM);
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">");
    for step in 0..=4 {
        let value = top * f64::from(step) / 4.0;
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{0:.1}\" y2=\"{0:.1}\"/>\
             <text x=\"{1}\" y=\"{2:.1}\" text-anchor=\"end\">{3}</text>",
            y(value),
            LEFT - 8.0,
            y(value) + 4.0,
            label(value),
        );
    }
    for at in times(low, high) {
        let (x, y) = (x(at), HEIGHT - 8.0);
        let _ = write!(svg, "<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\">{} s</text>", short(at));
    }
    for (line, colour) in lines.iter().zip(COLOURS) {
        let points: Vec<String> = line.points.iter().map(|(at, v)| format!("{:.1},{:.1}", x(*at), y(*v))).collect();
        let points = points.join(" ");
        let _ = write!(svg, "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>");
    }
    if low < 0.0 {
        // The measurement begins here; what is to the left is warm-up.
        let at = x(0.0);
        let _ =
            write!(svg, "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{TOP}\" y2=\"{}\"/>", HEIGHT - BOTTOM);
    }
    let _ = write!(svg, "<line class=\"cursor\" y1=\"{TOP}\" y2=\"{}\"/></svg>", HEIGHT - BOTTOM);
    let (data, span) = (data(&lines), span(low, high));
    format!(
        "<h2>{title} <small>({unit})</small></h2>\
         <figure style=\"margin:0\" data-lines=\"{data}\" data-span=\"{span}\">{svg}<div class=\"read\"></div></figure>"
    )
}

fn data(lines: &[Line]) -> String {
    let round = |value: f64| (value * 1000.0).round() / 1000.0;
    let lines: Vec<serde_json::Value> = lines
        .iter()
        .map(|line| {
            let points: Vec<(f64, f64)> = line.points.iter().map(|(x, y)| (round(*x), round(*y))).collect();
            serde_json::json!({ "name": line.name, "points": points })
        })
        .collect();
    escape(&serde_json::Value::from(lines).to_string())
}

fn span(low: f64, high: f64) -> String {
    escape(&serde_json::json!({ "low": low, "high": high, "left": LEFT, "width": WIDTH }).to_string())
}

/// Round times to write under a plot, 0 among them: no more than a few.
fn times(low: f64, high: f64) -> Vec<f64> {
    let power = 10f64.powf(((high - low) / 8.0).log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power).find(|step| (high - low) / step <= 8.0);
    let step = step.unwrap_or(high - low);
    ((low / step).ceil() as i64..=(high / step).floor() as i64).map(|number| number as f64 * step).collect()
}

/// The next of 1, 1.2, 1.6, 2 … × 10^n: its quarters are short numbers.
fn nice(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return 1.0;
    }
    let power = 10f64.powf(value.log10().floor());
    [1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0, 10.0]
        .iter()
        .map(|step| step * power)
        .find(|top| *top >= value)
        .unwrap_or(power * 10.0)
}

fn label(value: f64) -> String {
    match value {
        v if v >= 1e6 => format!("{}M", short(v / 1e6)),
        v if v >= 1e4 => format!("{}k", short(v / 1e3)),
        v => short(v),
    }
}

fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales() {
        assert_eq!([0.0, 0.03, 1.0, 1.1, 950.0, 12_345.0].map(nice), [1.0, 0.032, 1.0, 1.2, 1000.0, 16_000.0]);
        assert_eq!(times(-1.8, 6.1), [-1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(times(-5.0, 60.0), [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0]);
        assert_eq!(times(0.0, 0.3), [0.0, 0.05, 0.1, 0.15000000000000002, 0.2, 0.25, 0.3]);
        assert_eq!([0.0, 2.5, 15_000.0, 2e6].map(label), ["0", "2.5", "15k", "2M"]);
        assert_eq!(escape("<a href=\"b\">&"), "&lt;a href=&quot;b&quot;&gt;&amp;");
    }
}
