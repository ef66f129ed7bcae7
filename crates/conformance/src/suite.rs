//! From promises and backends to named tests.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use libtest_mimic::{Arguments, Failed, Trial};

use crate::missing;

/// How long a case may take. One that hangs fails.
const PATIENCE: Duration = Duration::from_mins(3);

/// A promise of a port, and what shows whether it is kept: it panics where it is not.
pub(crate) struct Case<P: ?Sized + 'static> {
    pub(crate) name: &'static str,
    pub(crate) run: fn(Place<P>) -> BoxFuture<'static, ()>,
}

/// A list of [`Case`]s, each named like the function that shows it.
macro_rules! cases {
    ($list:ident of $port:ty: $($name:path),* $(,)?) => {
        const $list: &[$crate::suite::Case<$port>] = &[$($crate::suite::Case {
            name: stringify!($name),
            run: |place| Box::pin($name(place)),
        }),*];
    };
}
pub(crate) use cases;

/// Somewhere fresh for one case: opening it again finds what was left there, where the backend is durable.
pub struct Place<P: ?Sized> {
    open: Arc<dyn Fn() -> BoxFuture<'static, Arc<P>> + Send + Sync>,
}

impl<P: ?Sized> Place<P> {
    /// A place that is opened by `open`, which panics where it cannot.
    pub fn new(open: impl Fn() -> BoxFuture<'static, Arc<P>> + Send + Sync + 'static) -> Self {
        Self { open: Arc::new(open) }
    }

    /// Opens it.
    pub async fn open(&self) -> Arc<P> {
        (self.open)().await
    }
}

impl<P: ?Sized> Clone for Place<P> {
    fn clone(&self) -> Self {
        Self { open: Arc::clone(&self.open) }
    }
}

/// A backend to be held to its port's promises.
pub struct Backend<P: ?Sized> {
    /// Its name in the tests' names: its URL scheme.
    pub name: &'static str,
    /// Whether a place that is opened again holds what was left there.
    pub is_durable: bool,
    /// Makes a fresh place; or why it cannot be tried here, as "no MySQL server is installed".
    pub fresh: Result<fn() -> Place<P>, String>,
}

/// Tests that are ready to be run.
pub struct Trials(pub(crate) Vec<Trial>);

/// Pairs each case with each backend.
pub(crate) fn pair<P: ?Sized + 'static>(
    port: &'static str,
    cases: &'static [Case<P>],
    durable_cases: &'static [Case<P>],
    backends: Vec<Backend<P>>,
) -> Trials {
    let mut trials = Vec::new();
    for backend in backends {
        let durable = if backend.is_durable { durable_cases } else { &[] };
        let own = cases.iter().chain(durable);
        let full_name = |case: &Case<P>| format!("{port}::{}::{}", backend.name, promise(case.name));
        match &backend.fresh {
            Ok(fresh) => trials.extend(own.map(|case| {
                let (run, fresh) = (case.run, *fresh);
                Trial::test(full_name(case), move || try_case(run, fresh))
            })),
            Err(reason) => {
                let names: Vec<_> = own.map(full_name).collect();
                let list = format!("conformance-{port}-{}", backend.name);
                trials.extend(missing::trials(&list, &names, reason));
            }
        }
    }
    Trials(trials)
}

/// Runs the tests as the arguments of the program say, those of libtest.
pub fn run(suites: impl IntoIterator<Item = Trials>) -> ExitCode {
    let trials = suites.into_iter().flat_map(|trials| trials.0).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// A case's own name, without the module that holds it.
fn promise(path: &'static str) -> &'static str {
    path.rsplit("::").next().unwrap_or(path).trim()
}

fn try_case<P: ?Sized + 'static>(
    run: fn(Place<P>) -> BoxFuture<'static, ()>,
    fresh: fn() -> Place<P>,
) -> Result<(), Failed> {
    attempt(async { run(fresh()).await })
}

/// Runs a case to its end, or to that of its time.
pub(crate) fn attempt(running: impl Future<Output = ()>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let kept = tokio::time::timeout(PATIENCE, running).await;
        kept.map_err(|_| Failed::from(format!("was not shown within {} s", PATIENCE.as_secs())))
    })
}
