//! Counters, gauges and histograms, one set per core, and their text for Prometheus.
//!
//! A metric belongs to one core, which alone changes it, with a plain load and store: no lock, no contended cache
//! line. Whoever encodes reads them from any core and may see them a moment apart. Every series carries the label
//! `shard`; Prometheus sums over it.
//!
//! Names follow Prometheus: a unit at the end (`_seconds`, `_bytes`); counters get `_total` by themselves.

use crate::error::{Error, Result};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, text},
    metrics::MetricType,
};
use std::{
    collections::BTreeMap,
    fmt,
    marker::PhantomData,
    rc::Rc,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Label pairs of a series.
type Labels = Vec<(String, String)>;

/// Histogram buckets: one per power of two.
const BUCKETS: usize = 48;

/// All metrics of a process. Clones share them.
#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<BTreeMap<String, Family>>>);

struct Family {
    help: String,
    kind: MetricType,
    series: Vec<(Labels, Series)>,
}

#[derive(Clone)]
enum Series {
    Counter(Arc<AtomicU64>),
    Gauge(Arc<AtomicI64>),
    Histogram(Arc<HistogramCells>),
}

struct HistogramCells {
    buckets: [AtomicU64; BUCKETS],
    sum: AtomicU64,
    /// What one counted unit is in the unit of the name: 0.000001 for microseconds shown as seconds.
    scale: f64,
    /// Powers of two that are shown.
    shown: std::ops::Range<usize>,
}

impl Registry {
    /// Without metrics.
    pub fn new() -> Registry {
        Registry::default()
    }

    /// Registers metrics for a core.
    pub fn shard(&self, shard: u16) -> ShardRegistry {
        ShardRegistry { registry: self.clone(), shard }
    }

    /// The text that Prometheus reads (OpenMetrics).
    pub fn encode(&self) -> Result<String> {
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register_collector(Box::new(self.clone()));
        let mut out = String::new();
        text::encode(&mut out, &registry)
            .map_err(|error| Error::internal(format!("cannot encode the metrics: {error}")))?;
        Ok(out)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Family>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The series of that name and those labels: the one that is there, or this new one.
    fn register(&self, name: &str, help: &str, kind: MetricType, labels: Labels, new: Series) -> Series {
        let mut families = self.lock();
        let family = families.entry(name.to_owned()).or_insert_with(|| Family {
            help: help.to_owned(),
            kind,
            series: Vec::new(),
        });
        assert_eq!(family.kind.as_str(), kind.as_str(), "the metric {name} is registered as two kinds");
        if let Some((_, series)) = family.series.iter().find(|(there, _)| *there == labels) {
            return series.clone();
        }
        family.series.push((labels, new.clone()));
        new
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("families", &self.lock().len()).finish()
    }
}

impl Collector for Registry {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for (name, family) in &*self.lock() {
            let mut metric = encoder.encode_descriptor(name, &family.help, None, family.kind)?;
            for (labels, series) in &family.series {
                series.encode(metric.encode_family(labels)?)?;
            }
        }
        Ok(())
    }
}

impl Series {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        match self {
            Series::Counter(value) => encoder.encode_counter::<Labels, _, u64>(&value.load(Relaxed), None),
            Series::Gauge(value) => encoder.encode_gauge(&value.load(Relaxed)),
            Series::Histogram(cells) => {
                let (buckets, count) = cells.shown_buckets();
                let sum = cells.sum.load(Relaxed) as f64 * cells.scale;
                encoder.encode_histogram::<Labels>(sum, count, &buckets, None)
            }
        }
    }
}

impl HistogramCells {
    /// Upper bounds and counts, those outside of what is shown added to the ends, and the count of all.
    fn shown_buckets(&self) -> (Vec<(f64, u64)>, u64) {
        let mut buckets = Vec::with_capacity(self.shown.len() + 1);
        let (mut pending, mut all) = (0, 0);
        for (power, count) in self.buckets.iter().enumerate() {
            let count = count.load(Relaxed);
            pending += count;
            all += count;
            if self.shown.contains(&power) {
                buckets.push(((1u64 << power) as f64 * self.scale, pending));
                pending = 0;
            }
        }
        buckets.push((f64::INFINITY, pending));
        (buckets, all)
    }
}

/// Registers metrics of one core. Asking twice for the same name and labels gives the same metric.
#[derive(Clone)]
pub struct ShardRegistry {
    registry: Registry,
    shard: u16,
}

/// Keeps a metric on the thread that changes it.
type OneThread = PhantomData<Rc<()>>;

impl ShardRegistry {
    fn labels(&self, more: &[(&str, &str)]) -> Labels {
        let shard = ("shard".to_owned(), self.shard.to_string());
        std::iter::once(shard).chain(more.iter().map(|(key, value)| (key.to_string(), value.to_string()))).collect()
    }

    /// A number that only grows.
    pub fn counter(&self, name: &str, help: &str, labels: &[(&str, &str)]) -> Counter {
        let new = Series::Counter(Arc::default());
        match self.registry.register(name, help, MetricType::Counter, self.labels(labels), new) {
            Series::Counter(cell) => Counter { cell, one_thread: PhantomData },
            Series::Gauge(_) | Series::Histogram(_) => Counter { cell: Arc::default(), one_thread: PhantomData },
        }
    }

    /// A number that goes up and down.
    pub fn gauge(&self, name: &str, help: &str, labels: &[(&str, &str)]) -> Gauge {
        let new = Series::Gauge(Arc::default());
        match self.registry.register(name, help, MetricType::Gauge, self.labels(labels), new) {
            Series::Gauge(cell) => Gauge { cell, one_thread: PhantomData },
            Series::Counter(_) | Series::Histogram(_) => Gauge { cell: Arc::default(), one_thread: PhantomData },
        }
    }

    /// How long things take, shown in seconds: from a microsecond to a minute, by powers of two.
    pub fn duration_histogram(&self, name: &str, help: &str, labels: &[(&str, &str)]) -> Histogram {
        self.histogram(name, help, labels, 0.000_001, 0..27)
    }

    /// How many or how large things are, by powers of two up to 2^32.
    pub fn size_histogram(&self, name: &str, help: &str, labels: &[(&str, &str)]) -> Histogram {
        self.histogram(name, help, labels, 1.0, 0..33)
    }

    fn histogram(
        &self,
        name: &str,
        help: &str,
        labels: &[(&str, &str)],
        scale: f64,
        shown: std::ops::Range<usize>,
    ) -> Histogram {
        let buckets = std::array::from_fn(|_| AtomicU64::new(0));
        let cells = Arc::new(HistogramCells { buckets, sum: AtomicU64::new(0), scale, shown });
        let new = Series::Histogram(cells.clone());
        match self.registry.register(name, help, MetricType::Histogram, self.labels(labels), new) {
            Series::Histogram(cells) => Histogram { cells, one_thread: PhantomData },
            Series::Counter(_) | Series::Gauge(_) => Histogram { cells, one_thread: PhantomData },
        }
    }
}

/// A number that only grows.
#[derive(Clone)]
pub struct Counter {
    cell: Arc<AtomicU64>,
    one_thread: OneThread,
}

impl Counter {
    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Adds.
    pub fn add(&self, count: u64) {
        self.cell.store(self.cell.load(Relaxed).wrapping_add(count), Relaxed);
    }

    /// Takes over a total that is counted elsewhere.
    pub fn set(&self, total: u64) {
        self.cell.store(total, Relaxed);
    }

    /// The total.
    pub fn get(&self) -> u64 {
        self.cell.load(Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Clone)]
pub struct Gauge {
    cell: Arc<AtomicI64>,
    one_thread: OneThread,
}

impl Gauge {
    /// Sets it.
    pub fn set(&self, value: i64) {
        self.cell.store(value, Relaxed);
    }

    /// Adds, or takes away.
    pub fn add(&self, value: i64) {
        self.cell.store(self.cell.load(Relaxed).wrapping_add(value), Relaxed);
    }

    /// The value.
    pub fn get(&self) -> i64 {
        self.cell.load(Relaxed)
    }
}

/// A distribution, by powers of two.
#[derive(Clone)]
pub struct Histogram {
    cells: Arc<HistogramCells>,
    one_thread: OneThread,
}

impl Histogram {
    /// Counts a value (microseconds in a duration histogram).
    pub fn observe(&self, value: u64) {
        // The first power of two that is not less.
        let power = (u64::BITS - value.saturating_sub(1).leading_zeros()) as usize;
        let bucket = &self.cells.buckets[power.min(BUCKETS - 1)];
        bucket.store(bucket.load(Relaxed).wrapping_add(1), Relaxed);
        self.cells.sum.store(self.cells.sum.load(Relaxed).wrapping_add(value), Relaxed);
    }

    /// Counts a duration.
    pub fn observe_duration(&self, duration: Duration) {
        self.observe(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
    }

    /// Values counted.
    pub fn count(&self) -> u64 {
        self.cells.buckets.iter().map(|bucket| bucket.load(Relaxed)).sum()
    }

    /// An upper bound of the value below which this share (0 to 1) of all values lies.
    pub fn quantile(&self, share: f64) -> u64 {
        let wanted = (self.count() as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (power, bucket) in self.cells.buckets.iter().enumerate() {
            seen += bucket.load(Relaxed);
            if seen >= wanted && seen > 0 {
                return 1 << power;
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_has_a_series_per_shard() {
        let registry = Registry::new();
        for shard in 0..2 {
            let metrics = registry.shard(shard);
            let writes = metrics.counter("log_writes", "Writes to the log", &[]);
            writes.add(3);
            metrics.counter("log_writes", "Writes to the log", &[]).increment();
            metrics.gauge("connections", "Open connections", &[("door", "pg")]).set(7);
        }
        let text = registry.encode().unwrap();
        assert_eq!(
            text,
            "# HELP connections Open connections\n\
             # TYPE connections gauge\n\
             connections{shard=\"0\",door=\"pg\"} 7\n\
             connections{shard=\"1\",door=\"pg\"} 7\n\
             # HELP log_writes Writes to the log\n\
             # TYPE log_writes counter\n\
             log_writes_total{shard=\"0\"} 4\n\
             log_writes_total{shard=\"1\"} 4\n\
             # EOF\n"
        );
    }

    #[test]
    fn histograms_count_by_powers_of_two() {
        let registry = Registry::new();
        let histogram = registry.shard(0).duration_histogram("wait_seconds", "Waits", &[]);
        for micros in [0, 1, 2, 3, 4, 5, 1000, u64::MAX / 4] {
            histogram.observe(micros);
        }
        assert_eq!(histogram.count(), 8);
        assert_eq!(histogram.quantile(0.5), 4);
        assert_eq!(histogram.quantile(0.85), 1024);
        let text = registry.encode().unwrap();
        for line in [
            "wait_seconds_bucket{le=\"0.000001\",shard=\"0\"} 2\n",
            "wait_seconds_bucket{le=\"0.000002\",shard=\"0\"} 3\n",
            "wait_seconds_bucket{le=\"0.000004\",shard=\"0\"} 5\n",
            "wait_seconds_bucket{le=\"+Inf\",shard=\"0\"} 8\n",
            "wait_seconds_count{shard=\"0\"} 8\n",
        ] {
            assert!(text.contains(line), "{line} is not in {text}");
        }
    }
}
