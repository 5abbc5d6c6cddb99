//! Puts the compiled web client into the binary: every file of its folder, as it is, as brotli and
//! as gzip. Without a compiled client the binary is built all the same, with no page.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

mod version;

/// Where the client is when the environment does not say.
const DEFAULT_FOLDER: &str = "../web/dist";

/// Stands behind the title of a room's page.
const NOT_LISTED: &str = "</title><meta name=\"robots\" content=\"noindex\">";

/// Compressed forms that save less than this share of a file are left out.
const WORTHWHILE_SAVING_PERCENT: usize = 5;

fn main() {
    println!("cargo::rerun-if-env-changed=XMEET_WEB_DIST");
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let folder =
        env::var_os("XMEET_WEB_DIST").map_or_else(|| manifest.join(DEFAULT_FOLDER), PathBuf::from);
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    version::tell(&manifest);

    // Named even when it is missing: cargo then looks again at the next build.
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    collect(&folder, &mut files);
    files.sort();

    let mut table = Table::new(&out);
    for file in &files {
        println!("cargo::rerun-if-changed={}", file.display());
        let relative = file.strip_prefix(&folder).expect("it was found there");
        let path = format!("/{}", relative.to_string_lossy().replace('\\', "/"));
        table.add(&path, file);
    }
    room_page(&mut table, &folder);
    table.write();
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_hidden =
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if is_hidden {
            // Where trunk prepares what is not finished.
        } else if path.is_dir() {
            collect(&path, files);
        } else {
            files.push(path);
        }
    }
}

/// The page names its files as they lie beside it, `./`; seen from a room's page they are one folder
/// up. Search engines may list the front page and no room.
fn room_page(table: &mut Table, folder: &Path) {
    let Ok(page) = fs::read_to_string(folder.join("index.html")) else { return };
    let file = table.out.join("room.html");
    let page = page.replace("\"./", "\"../").replacen("</title>", NOT_LISTED, 1);
    assert!(page.contains(NOT_LISTED), "the page has a title");
    fs::write(&file, page).expect("the build folder can be written");
    table.add("/room/index.html", &file);
}

/// The table of files that the server includes, and their sizes for `cargo xtask dist`.
struct Table<'a> {
    out: &'a Path,
    rust: String,
    /// A line for each file: path, bytes, bytes as brotli, separated by tabs.
    sizes: String,
    count: usize,
}

impl<'a> Table<'a> {
    fn new(out: &'a Path) -> Self {
        let rust = String::from("static ASSETS: &[Asset] = &[\n");
        Self { out, rust, sizes: String::new(), count: 0 }
    }

    fn add(&mut self, path: &str, file: &Path) {
        let plain = fs::read(file).expect("a file of the client can be read");
        let etag = sha1_smol::Sha1::from(&plain).digest().to_string();
        let (brotli, gzip) = (brotli(&plain), gzip(&plain));
        writeln!(self.sizes, "{path}\t{}\t{}", plain.len(), brotli.len().min(plain.len()))
            .expect("a String takes everything");
        let brotli = self.store("br", &plain, brotli);
        let gzip = self.store("gz", &plain, gzip);
        writeln!(
            self.rust,
            "Asset {{ path: {path:?}, content_type: {:?}, etag: {:?}, is_hashed: {}, \
             plain: include_bytes!({:?}), brotli: {brotli}, gzip: {gzip} }},",
            content_type(path),
            format!("\"{}\"", &etag[..16]),
            is_hashed(path),
            file.canonicalize().expect("it exists"),
        )
        .expect("a String takes everything");
        self.count += 1;
    }

    /// Writes a compressed form beside the table. Returns the expression that includes it: an empty
    /// one where compressing does not help.
    fn store(&self, suffix: &str, plain: &[u8], packed: Vec<u8>) -> String {
        if packed.len() * 100 > plain.len() * (100 - WORTHWHILE_SAVING_PERCENT) {
            return "&[]".to_owned();
        }
        let path = self.out.join(format!("asset-{}.{suffix}", self.count));
        fs::write(&path, packed).expect("the build folder can be written");
        format!("include_bytes!({path:?})")
    }

    fn write(self) {
        fs::write(self.out.join("assets.rs"), self.rust + "];\n")
            .and_then(|()| fs::write(self.out.join("assets.tsv"), self.sizes))
            .expect("the build folder can be written");
    }
}

fn brotli(plain: &[u8]) -> Vec<u8> {
    let mut packed = Vec::new();
    let parameters = brotli::enc::BrotliEncoderParams::default();
    brotli::BrotliCompress(&mut &plain[..], &mut packed, &parameters)
        .expect("memory can be written");
    packed
}

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(plain).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

/// Whether a name carries a hash, as trunk names what it builds: a 64-bit number in hexadecimal,
/// which trunk does not pad with zeros.
fn is_hashed(path: &str) -> bool {
    path.split(['-', '_', '.', '/'])
        .any(|part| (12..=16).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}
