//! The page of the devices that an account is signed in on.

#![expect(missing_docs, reason = "the macro of islands makes a struct that it does not document")]

use super::access::{Access, DEVICES, LOGIN};
use super::parts::elsewhere::{Again, complaint};
use super::parts::island::island;
use super::parts::lively::{catch_up, instead_of_following, lively, on_wake, start};
use super::parts::posting::ask_instead;
use super::parts::{Frame, at_server, notice};
use crate::api::devices::read_devices;
use crate::model::device::{Device, Devices, ago};
use crate::model::error::{Kind, WireError};
use crate::model::exported::Exported;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

/// Where the account is signed in, and how to sign out there.
#[component]
pub fn DevicesPage() -> impl IntoView {
    let exported = use_context::<Exported>().is_some();
    let after = use_query_map().get_untracked().get("after");
    let found = Resource::new_blocking(
        || (),
        // A file knows nothing of its visitor.
        move |()| {
            let after = after.clone();
            async move { if exported { None } else { Some(read_devices(after).await) } }
        },
    );
    view! {
        <Title text="Devices · Hardtack"/>
        <Suspense>
            {move || Suspend::new(async move {
                let (devices, failed) = match found.await {
                    Some(Ok(devices)) => (Some(devices), None),
                    Some(Err(error)) => (None, Some(error.message)),
                    None => (None, None),
                };
                page(devices, failed)
            })}
        </Suspense>
    }
}

fn page(devices: Option<Devices>, notice: Option<String>) -> impl IntoView {
    view! {
        <Frame access=Access::SignedIn notice>
            <section class="door">
                <div class="words">
                    <h1>"Your devices."</h1>
                    <p class="lead">"Where you are signed in. What you do not know, sign out."</p>
                </div>
                <div class="listed">
                    <p class="wrong" role="alert">
                        {complaint()}
                    </p>
                    <Again page=DEVICES/>
                    {island(view! { <DeviceList devices/> })}
                </div>
            </section>
        </Frame>
    }
}

/// The devices. The server has put them in; a page that is a file asks for them.
#[island]
pub fn DeviceList(
    /// The devices; when none, the island asks.
    devices: Option<Devices>,
) -> impl IntoView {
    let missing = devices.is_none();
    let devices = RwSignal::new(devices);
    on_wake(move || {
        if missing {
            catch_up(ask(devices));
        }
    });
    let alone = move || devices.with(|all| all.as_ref().is_none_or(is_alone)).then_some("");
    let next = move || devices.with(|all| all.as_ref().and_then(|all| all.next.clone()));
    let more = move || next().map(|next| [DEVICES, "?after=", &next].concat());
    view! {
        <ul class="list" data-testid="devices">
            {lively(move || devices.with(|all| all.as_ref().map(rows)))}
        </ul>
        <p hidden=lively(move || next().is_none().then_some(""))>
            <a href=lively(more) on:click=instead_of_following(move || start(ask_more(devices)))>
                "More devices"
            </a>
        </p>
        <form method="post" action=at_server("/api/devices/end-others") data-then=DEVICES hidden=lively(alone)>
            <button on:click=ask_instead()>
                "Sign out everywhere else"
            </button>
        </form>
    }
}

/// Whether there is no other device to sign out.
fn is_alone(all: &Devices) -> bool {
    all.next.is_none() && all.devices.iter().all(|device| device.current)
}

fn rows(all: &Devices) -> Vec<impl IntoView + use<>> {
    all.devices.iter().map(|device| row(device, all.now)).collect()
}

fn row(device: &Device, now: i64) -> impl IntoView + use<> {
    let Device { handle, label, ip, created, seen, current } = device.clone();
    let (label, then) = if current { (label + " (this one)", LOGIN) } else { (label, DEVICES) };
    let times = format!("Signed in {}, last seen {}, from {ip}", ago(created, now), ago(seen, now));
    view! {
        <li>
            <p>
                <strong>{label}</strong>
                <span class="hint">{times}</span>
            </p>
            <form method="post" action=at_server("/api/devices/end") data-then=then>
                <input type="hidden" name="handle" value=handle/>
                <button on:click=ask_instead()>"Sign out"</button>
            </form>
        </li>
    }
}

async fn ask(devices: RwSignal<Option<Devices>>) {
    show(devices, read_devices(None).await);
}

/// Shows those behind the last one, below what is there.
async fn ask_more(devices: RwSignal<Option<Devices>>) {
    let next = devices.with_untracked(|all| all.as_ref().and_then(|all| all.next.clone()));
    let found = read_devices(next).await.map(|mut found| {
        let mut shown = devices.get_untracked().map(|all| all.devices).unwrap_or_default();
        // One that was used meanwhile is among them already.
        found.devices.retain(|device| shown.iter().all(|known| known.handle != device.handle));
        shown.append(&mut found.devices);
        Devices { devices: shown, ..found }
    });
    show(devices, found);
}

fn show(devices: RwSignal<Option<Devices>>, found: Result<Devices, WireError>) {
    match found {
        Ok(found) => devices.set(Some(found)),
        // Who is signed in no more is led on by the head of the page.
        Err(error) if error.kind == Kind::NotSignedIn => {}
        Err(error) => notice::show(&error.message),
    }
}
