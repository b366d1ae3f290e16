//! `serve`: the catalogue, candidates, weights and rounds over HTTP, and the player's page.

use super::bar::Bar;
use super::listen::listen;
use super::output::say;
use super::within::Within;
use super::world::World;
use crate::config::ChannelConfig;
use crate::data::{Artefact, Dataset, SyntheticConfig, load_artefact, load_dataset, open, save_artefact, synthetic};
use crate::federated::{Coordinator, CoordinatorConfig, LogKey, SecureConfig, UpdateKey, exact_split};
use crate::http::{AdminTokens, App, HttpConfig, Open, SignedTokens, Tls, router};
use crate::registry::Channels;
use crate::runs::LiveRanker;
use crate::simulate::{Companions, RoundDevice, secure_companions};
use crate::state::State;
use crate::store::Store;
use anyhow::{Context, anyhow};
use axum::Router;
use serde_json::json;
use sottovoce::ids::{Millis, WeightsVersion};
use sottovoce::math::Rng;
use sottovoce::protocol::{LocalPlan, NoiseTerms, TowerShape, TowerWeights};
use sottovoce::secagg::PublicKey;
use sottovoce::tower::initial_weights;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What `serve --help` shows below the options.
const EXAMPLES: &str = "\
Examples:
  sottovoce-server serve --www www/dist                          a synthetic world and the player
  sottovoce-server serve --data lastfm-hetrec2k --companions 8   a data set, and eight simulated listeners in its rounds
  sottovoce-server serve --state sottovoce.db --cohort 50        keeps weights and rounds from run to run
  sottovoce-server serve --port 0 --json                         any free port, told as JSON
  sottovoce-server serve --cohort 200 --noise 0.7                less noise in larger rounds
  sottovoce-server serve --vertical --companions 8               rounds that train the songs' embeddings too
  sottovoce-server serve --rounds postgres://app@db/rounds       rounds in PostgreSQL, for several servers together
  sottovoce-server serve --ranker runs/deepfm-2020               scores of a trained ranking model, replaced when it is trained again
  sottovoce-server serve --host 0.0.0.0 --tls-cert site.crt --tls-key site.key --admin-token-file token";

/// Operators' tokens, where no file has them.
const ADMIN_TOKEN: &str = "SOTTOVOCE_ADMIN_TOKEN";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// A folder of a known format; rounds then live in memory only [default: a synthetic world]
    #[arg(long, value_name = "PATH", conflicts_with = "state")]
    data: Option<PathBuf>,
    /// A state file that `data import --into` wrote; weights and rounds are kept in it
    #[arg(long, value_name = "FILE.db")]
    state: Option<PathBuf>,
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// Port to listen on; 0 takes any free one
    #[arg(long, default_value_t = 7700)]
    port: u16,
    /// Folder with the player's files
    #[arg(long, value_name = "DIR")]
    www: Option<PathBuf>,
    /// Folder of a finished run: its ranking model answers POST /v1/ranker/scores, and a new one in the folder takes its place
    #[arg(long, value_name = "DIR")]
    ranker: Option<PathBuf>,
    /// Simulated listeners who take part in the rounds
    #[arg(long, value_name = "N", default_value_t = 0)]
    companions: u32,
    /// Updates that close a round [default: companions + 1, or 16 without companions]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    cohort: Option<u32>,
    /// At the deadline so many are enough, and a sum of fewer is never opened [default: half the cohort, in the open a quarter]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    minimum: Option<u32>,
    /// Rounds in the open: whoever runs the server can read every update. Pages refuse such rounds unless they are told otherwise
    #[arg(long)]
    open_rounds: bool,
    /// Rounds train the songs' embeddings too: devices answer for a public block of songs, and only sums reach the item tower
    #[arg(long, conflicts_with = "open_rounds")]
    vertical: bool,
    /// Songs of such a block; a smaller catalogue is in it whole
    #[arg(long, value_name = "N", default_value_t = 2048, value_parser = clap::value_parser!(u32).range(2..=65_536), requires = "vertical")]
    block: u32,
    /// Noise multiplier z of secure rounds: noise of the sum over what one listener can add; with 0 only devices without a budget take part
    #[arg(long, value_name = "Z", default_value_t = 1.0, conflicts_with = "open_rounds")]
    noise: f64,
    /// Fewer enlisted devices make no committee, and no secure round opens
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..), conflicts_with = "open_rounds")]
    committee: u8,
    /// Seconds from a round's opening to its deadline; of a secure round until the roster closes
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    round_seconds: u64,
    /// Seconds that a secure round waits for reports, once its roster is closed
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400), conflicts_with = "open_rounds")]
    report_seconds: u64,
    /// Seconds that it waits for its committee to open the sum
    #[arg(long, value_name = "N", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400), conflicts_with = "open_rounds")]
    opening_seconds: u64,
    /// FedProx: how strongly devices are drawn back to the weights that a round began with; 0 is FedAvg
    #[arg(long, value_name = "MU", default_value_t = 0.0)]
    proximal: f32,
    /// Everything random is drawn from it
    #[arg(long, default_value_t = 2020)]
    seed: u64,
    /// Another site whose pages may call this server, as in https://player.example; may be repeated
    #[arg(long, value_name = "ORIGIN")]
    allow_origin: Vec<String>,
    /// PostgreSQL database for the rounds [default: the state file]
    #[arg(long, value_name = "URL", env = "SOTTOVOCE_ROUNDS", hide_env_values = true)]
    rounds: Option<String>,
    /// Ed25519 secret key that signs the log of versions: 64 hex digits [default: one kept beside the rounds]
    #[arg(long, value_name = "FILE")]
    signing_key: Option<PathBuf>,
    /// Operators' tokens, one a line; switches /v1/admin on [default: $SOTTOVOCE_ADMIN_TOKEN, or off]
    #[arg(long, value_name = "FILE")]
    admin_token_file: Option<PathBuf>,
    /// Only devices with a token signed by one of these keys take part: `NUMBER PUBLIC-KEY` a line [default: all do]
    #[arg(long, value_name = "FILE")]
    admission_keys: Option<PathBuf>,
    /// Certificate chain in PEM; switches TLS on
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// One JSON object a line instead of text, no progress bar
    #[arg(long)]
    json: bool,
}

impl Args {
    fn rules(&self, basis: String) -> CoordinatorConfig {
        let cohort = self.cohort.unwrap_or(if self.companions > 0 { self.companions + 1 } else { 16 });
        let usual = if self.open_rounds { cohort.div_ceil(4) } else { cohort.div_ceil(2).max(2) };
        let noise = NoiseTerms { multiplier: self.noise, steps: 1 << 10 };
        let secure = SecureConfig {
            noise,
            least_members: self.committee.into(),
            reporting_ms: self.report_seconds * 1000,
            opening_ms: self.opening_seconds * 1000,
            ..SecureConfig::default()
        };
        let plan = if self.vertical { exact_split() } else { CoordinatorConfig::default().plan };
        CoordinatorConfig {
            cohort,
            minimum: self.minimum.unwrap_or(usual),
            deadline_ms: self.round_seconds * 1000,
            secure: (!self.open_rounds).then_some(secure),
            plan: LocalPlan { proximal: self.proximal, ..plan },
            basis,
            ..CoordinatorConfig::default()
        }
    }
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let bar = Bar::new(args.json);
    let doors = Doors::of(&args)?; // what is wrong with a file is told before anything takes long
    let ranker = args.ranker.as_deref().map(LiveRanker::open).transpose()?.map(Arc::new);
    let (state, data) = begin(&args).await?;
    let data = Arc::new(data);
    let seed = args.seed;
    let channels = match kept(&state).await? {
        Some(channels) if channels.songs() == data.songs.len() => channels,
        _ => {
            let data = Arc::clone(&data);
            let fit = move || Channels::fit(&data, &ChannelConfig::default(), seed, &|progress| bar.show(progress));
            let channels = tokio::task::spawn_blocking(fit).await.context("the training thread ended early")??;
            keep(&state, &args, &channels).await?;
            channels
        }
    };
    let world = World::of(&data, channels.song_embeddings().dimension);
    let (catalogue, shards) = world.published(&channels.song_embeddings().rows)?;
    let shape = TowerShape::usual(u32::try_from(world.dimension)?);
    let initial = TowerWeights { version: WeightsVersion(0), shape, values: initial_weights(shape, seed) };
    let fingerprint = catalogue.fingerprint();
    let rules = args.rules(if args.vertical { format!("vertical, from {fingerprint}") } else { fingerprint.into() });
    let store = match &args.rounds {
        Some(url) => Store::postgres(url).await?,
        None => Store::from(&state),
    };
    let rounds = if args.vertical {
        let items = world.items(&shards, &channels.song_embeddings().rows, args.block as usize, seed)?;
        Coordinator::open_vertical(store.clone(), rules, initial, items, doors.key).await?
    } else {
        Coordinator::open_signing(store.clone(), rules, initial, doors.key).await?
    };
    let config =
        HttpConfig { www: args.www.clone(), allow_origins: args.allow_origin.clone(), ..HttpConfig::default() };
    let songs = catalogue.songs();
    let app = App::new(catalogue, channels, rounds.clone(), config.limits, wall_clock)?;
    let app = match doors.admission {
        Some(tokens) => app.guarded(doors.admin, tokens),
        None => app.guarded(doors.admin, Open),
    };
    let app = if args.vertical {
        app.following(move |rows| Ok(world.published(rows)?.0))
    } else {
        drop(world); // its songs are those of `data` once more
        app
    };
    let app = match &ranker {
        Some(ranker) => app.ranking(Arc::clone(ranker)),
        None => app,
    };
    app.tick().await; // opens the first round, or takes up the one that a kill left behind
    let router = router(app.clone(), &config)?;
    let count = args.companions as usize;
    let companions = if args.open_rounds {
        Company::Open(Companions::new(&data, &shards, count, seed))
    } else {
        Company::Secure(secure_companions(&data, &shards, count, seed, args.vertical)?)
    };
    drop((data, shards));

    let address = SocketAddr::new(args.host, args.port);
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; is another server running? --port 0 takes any free port")
    })?;
    let scheme = if doors.tls.is_some() { "https" } else { "http" };
    let url = format!("{scheme}://{}", listener.local_addr()?);
    if args.json {
        say(&json!({ "listening": url, "songs": songs, "companions": companions.len() }).to_string())?;
    } else {
        say(&format!("listening on {url}"))?;
    }

    let mut work = JoinSet::new();
    work.spawn(async move {
        loop {
            app.tick().await;
            app.due().await;
            tokio::time::sleep(Duration::from_millis(20)).await; // a crowd of reports needs no crowd of ticks
        }
    });
    if let Some(ranker) = ranker {
        work.spawn(follow(ranker));
    }
    match companions {
        Company::Open(companions) => {
            work.spawn(accompany(companions, rounds, args.round_seconds, seed));
        }
        Company::Secure(devices) => {
            let server = PublicKey(*rounds.log_key().as_bytes());
            for device in devices {
                work.spawn(take_part(device, server, router.clone()));
            }
        }
    }
    listen(listener, router, doors.tls, interrupted()).await?;
    work.shutdown().await;
    store.close().await;
    state.close().await;
    Ok(())
}

/// What the server is given in files of its own: keys and tokens.
struct Doors {
    key: Option<LogKey>,
    admin: Option<AdminTokens>,
    admission: Option<SignedTokens>,
    tls: Option<Tls>,
}

impl Doors {
    fn of(args: &Args) -> anyhow::Result<Self> {
        let read =
            |path: &PathBuf| std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
        let wrong = |path: &PathBuf, what: String| anyhow!("{}: {what}", path.display());
        let key = match &args.signing_key {
            Some(path) => Some(LogKey::from_text(&read(path)?).map_err(|error| wrong(path, error.to_string()))?),
            None => None,
        };
        let admin = match (&args.admin_token_file, std::env::var(ADMIN_TOKEN)) {
            (Some(path), _) => Some(AdminTokens::from_text(&read(path)?).map_err(|what| wrong(path, what))?),
            (None, Ok(token)) => {
                Some(AdminTokens::from_text(&token).map_err(|what| anyhow!("${ADMIN_TOKEN}: {what}"))?)
            }
            (None, Err(_)) => None,
        };
        let admission = match &args.admission_keys {
            Some(path) => Some(SignedTokens::from_text(&read(path)?).map_err(|what| wrong(path, what))?),
            None => None,
        };
        let tls = match (&args.tls_cert, &args.tls_key) {
            (Some(certificate), Some(key)) => Some(Tls::load(certificate, key)?),
            _ => None,
        };
        Ok(Self { key, admin, admission, tls })
    }
}

/// The state file, and the data set that it or the arguments name.
async fn begin(args: &Args) -> anyhow::Result<(State, Dataset)> {
    if let Some(path) = &args.state {
        let state = State::open_existing(path).await?;
        let data = load_dataset(&state).await.with_context(|| format!("cannot serve {}", path.display()))?;
        return Ok((state, data));
    }
    let (path, seed) = (args.data.clone(), args.seed);
    let read = tokio::task::spawn_blocking(move || match path {
        Some(path) => open(&path),
        None => Ok(synthetic(&SyntheticConfig { seed, ..SyntheticConfig::default() })),
    });
    let data = read.await.context("the reading thread ended early")??;
    Ok((State::in_memory().await?, data))
}

/// The channels that `train`, or an earlier run, left in the state file.
async fn kept(state: &State) -> anyhow::Result<Option<Channels>> {
    let Some(artefact) = load_artefact(state, Channels::ARTEFACT).await? else { return Ok(None) };
    if artefact.version != Channels::VERSION {
        tracing::warn!("the state file's channels are of another version; fitting them anew");
        return Ok(None);
    }
    Ok(Some(Channels::from_bytes(&artefact.bytes)?))
}

/// Keeps freshly fitted channels for the next run, where there is a file to keep them in.
async fn keep(state: &State, args: &Args, channels: &Channels) -> anyhow::Result<()> {
    if args.state.is_some() {
        let artefact = Artefact { version: Channels::VERSION, bytes: channels.to_bytes()?, made_at: wall_clock() };
        save_artefact(state, Channels::ARTEFACT, &artefact).await?;
    }
    Ok(())
}

/// The simulated listeners of a server.
enum Company {
    Open(Companions),
    Secure(Vec<RoundDevice>),
}

impl Company {
    fn len(&self) -> usize {
        match self {
            Self::Open(companions) => companions.len(),
            Self::Secure(devices) => devices.len(),
        }
    }
}

/// Looks now and then whether the run's folder holds another model.
async fn follow(ranker: Arc<LiveRanker>) {
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let looked = Arc::clone(&ranker);
        match tokio::task::spawn_blocking(move || looked.refresh()).await {
            Ok(Ok(false)) => {}
            Ok(Ok(true)) => tracing::info!(model = ranker.serving().version, "another ranking model is served"),
            // The one before goes on being served.
            Ok(Err(error)) => tracing::error!(%error, "the ranking model is not replaced"),
            Err(error) => tracing::error!(%error, "the ranking model is not replaced"),
        }
    }
}

/// A companion takes part in whatever secure round there is.
async fn take_part(mut device: RoundDevice, server: PublicKey, router: Router) {
    let wire = Within(router);
    if let Err(error) = device.engine().trust_server(server) {
        tracing::warn!(%error, "a companion stays away");
        return;
    }
    loop {
        let next = match device.errands(&wire, wall_clock).await {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(%error, "a companion stays out of this round");
                None
            }
        };
        let pause = next.map_or(1000, |at| at.since(wall_clock())).clamp(50, 2000);
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

/// Companions join one by one over the first third of a round.
async fn accompany(mut companions: Companions, rounds: Coordinator, round_seconds: u64, seed: u64) {
    if companions.is_empty() {
        return;
    }
    let pause = Duration::from_secs(round_seconds) / 3 / u32::try_from(companions.len()).unwrap_or(u32::MAX);
    let mut keys = Rng::new(seed ^ wall_clock().0).split("companions' keys"); // two runs must not draw the same keys
    loop {
        let mut key = [0; 16];
        key[..8].copy_from_slice(&keys.next_u64().to_le_bytes());
        key[8..].copy_from_slice(&keys.next_u64().to_le_bytes());
        if let Err(error) = companions.step(&rounds, wall_clock(), UpdateKey(key)).await {
            tracing::warn!(%error, "a companion stays out of this round");
        }
        tokio::time::sleep(pause.clamp(Duration::from_millis(20), Duration::from_secs(2))).await;
    }
}

fn wall_clock() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Ctrl-C, or a service manager's SIGTERM.
async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await; // without a handler the default one ends the process, which is what was asked
}
