//! The load tester: drives distdb or any PostgreSQL server, measures, and verifies what it wrote.
//!
//! Layers, each using those below: [`options`] → this file → [`report`] → [`driver`] and [`verify`] → [`workload`],
//! [`target`], [`ledger`], [`statistics`] → [`operation`], [`content`], [`keys`]. It uses tokio, which the server may not:
//! a tester should not share the machinery it tests.
//!
//! Start at [`run_target`].

mod content;
mod driver;
mod keys;
mod ledger;
mod operation;
mod options;
mod progress;
mod report;
mod statistics;
mod target;
#[cfg(test)]
mod tests;
mod verify;
mod workload;

use clap::Parser;
use operation::Failure;
use options::Options;
use progress::Progress;
use report::{Report, TargetReport};
use std::{
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};
use target::Target;

const EXIT_FAILED: u8 = 1;
const EXIT_WRONG: u8 = 3;

fn main() -> ExitCode {
    let options = Options::parse();
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let threads = options.threads.map_or(if cores >= 4 { 2 } else { 1 }, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(run(&options)),
        Err(cause) => Err(format!("cannot start: {cause}")),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(EXIT_WRONG),
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::from(EXIT_FAILED)
        }
    }
}

/// Everything; tells whether all was right.
async fn run(options: &Options) -> Result<bool, String> {
    options.plan()?; // complain before anything is touched
    let mut targets = vec![Target::parse(&options.target)?];
    if let Some(url) = &options.compare {
        targets.push(Target::parse(url)?);
    }
    let stop = Arc::new(AtomicBool::new(false));
    tokio::spawn(stop_on_interrupt(stop.clone()));
    let mut reports = Vec::new();
    for target in targets {
        if reports.is_empty() || !stop.load(Ordering::Relaxed) {
            let (name, target) = (target.name(), Arc::new(target));
            let report = run_target(options, &target, &stop).await;
            reports.push(report.map_err(|failure| format!("{name}: {failure}"))?);
        }
    }
    let report = Report::new(&options.plan()?, &options.driver(), reports);
    publish(options, &report)?;
    if report.is_right() && report.is_barren() {
        return Err("no request was answered".into());
    }
    Ok(report.is_right())
}

/// The first Ctrl-C ends the run, the second one the process.
async fn stop_on_interrupt(stop: Arc<AtomicBool>) {
    while tokio::signal::ctrl_c().await.is_ok() {
        if stop.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("\nending early; once more to quit at once");
    }
}

/// Sets up, runs, verifies and cleans up.
async fn run_target(options: &Options, target: &Arc<Target>, stop: &Arc<AtomicBool>) -> Result<TargetReport, Failure> {
    let plan = Arc::new(options.plan().map_err(|message| Failure::new("options", message))?);
    let driver = options.driver();
    let mut progress = Progress::new(driver.duration.map(|duration| duration.as_secs_f64()));
    let name = target.name();
    let version = target.version().await?;
    progress.say(&format!("{name}: setting up {} rows", plan.workload.loaded_before(plan.rows)));
    let begin = Instant::now();
    let rows = plan.rows;
    target.set_up(&plan, &|loaded| progress.whisper(format!("{name}: {loaded} of {rows} rows loaded"))).await?;
    let set_up_s = begin.elapsed().as_secs_f64();
    let outcomes =
        driver::run(&plan, target, &driver, stop, &mut |interval, statistics| progress.show(interval, statistics))
            .await?;
    let verification = if options.no_verify {
        None
    } else {
        progress.say(&format!("{name}: reading back what was written"));
        Some(verify::verify(&plan, target, &outcomes.ledger).await)
    };
    // What is wrong stays there to be looked at.
    let right = verification.as_ref().is_none_or(verify::Verification::passed) && outcomes.wrong.0 == 0;
    if right && !options.keep {
        target.clean_up(&plan).await?;
    }
    progress.finish();
    Ok(TargetReport::new(name, version, set_up_s, outcomes, verification))
}

/// Prints and writes what was asked for.
fn publish(options: &Options, report: &Report) -> Result<(), String> {
    let to_stdout = options.json.as_deref() == Some(Path::new("-"));
    if !to_stdout {
        println!("{}", report::text::render(report).trim());
    }
    if let Some(path) = &options.json {
        let json = serde_json::to_string_pretty(report).map_err(|cause| cause.to_string())? + "\n";
        if to_stdout { print!("{json}") } else { write_file(path, &json)? }
    }
    if let Some(path) = &options.html {
        write_file(path, &report::html::render(report))?;
    }
    Ok(())
}

fn write_file(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|cause| format!("cannot write {}: {cause}", path.display()))
}
