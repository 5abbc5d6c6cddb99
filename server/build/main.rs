//! Puts the compiled web client into the binary: every file of its folder, as it is, as brotli and
//! as gzip. Without a compiled client the binary is built all the same, with no page.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

mod version;

/// Where the client is when the environment does not say.
const DEFAULT_FOLDER: &str = "../web/dist";

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

    let mut table = String::from("static ASSETS: &[Asset] = &[\n");
    for (number, file) in files.iter().enumerate() {
        println!("cargo::rerun-if-changed={}", file.display());
        let relative = file.strip_prefix(&folder).expect("it was found there");
        let path = format!("/{}", relative.to_string_lossy().replace('\\', "/"));
        entry(&mut table, &path, file, &out, number);
    }
    room_page(&mut table, &folder, &out, files.len());
    table.push_str("];\n");
    fs::write(out.join("assets.rs"), table).expect("the build folder can be written");
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
/// up.
fn room_page(table: &mut String, folder: &Path, out: &Path, number: usize) {
    let Ok(page) = fs::read_to_string(folder.join("index.html")) else { return };
    let file = out.join("room.html");
    fs::write(&file, page.replace("\"./", "\"../")).expect("the build folder can be written");
    entry(table, "/room/index.html", &file, out, number);
}

fn entry(table: &mut String, path: &str, file: &Path, out: &Path, number: usize) {
    let plain = fs::read(file).expect("a file of the client can be read");
    let etag = sha1_smol::Sha1::from(&plain).digest().to_string();
    let brotli = store(out, number, "br", &plain, brotli(&plain));
    let gzip = store(out, number, "gz", &plain, gzip(&plain));
    writeln!(
        table,
        "Asset {{ path: {path:?}, content_type: {:?}, etag: {:?}, is_hashed: {}, \
         plain: include_bytes!({:?}), brotli: {brotli}, gzip: {gzip} }},",
        content_type(path),
        format!("\"{}\"", &etag[..16]),
        is_hashed(path),
        file.canonicalize().expect("it exists"),
    )
    .expect("a String takes everything");
}

/// Writes a compressed form beside the table and names it there; nothing where it does not help.
fn store(out: &Path, number: usize, suffix: &str, plain: &[u8], packed: Vec<u8>) -> String {
    if packed.len() * 100 > plain.len() * (100 - WORTHWHILE_SAVING_PERCENT) {
        return "&[]".to_owned();
    }
    let path = out.join(format!("asset-{number}.{suffix}"));
    fs::write(&path, packed).expect("the build folder can be written");
    format!("include_bytes!({path:?})")
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
