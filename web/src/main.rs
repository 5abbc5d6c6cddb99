//! Starts the client.

use xmeet_web::browser;

fn main() {
    std::panic::set_hook(Box::new(|panic| {
        leptos::logging::error!("{panic}");
        browser::tell("xmeet-stopped");
    }));
    xmeet_web::tab::begin(|| {
        leptos::mount::mount_to_body(xmeet_web::App);
        browser::tell("xmeet-started");
    });
}
