//! Puts the client on the page.

fn main() {
    std::panic::set_hook(Box::new(|panic| leptos::logging::error!("{panic}")));
    xmeet_web::tab::begin(|| leptos::mount::mount_to_body(xmeet_web::App));
}
