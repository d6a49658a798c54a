using System.Net;
using JitGrains.Assertions;
using JitGrains.Gateway.Network;
using JitGrains.Gateway.Tls;
using JitGrains.Silo;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace JitGrains.Gateway.Hosting;

/// <summary>How the gateway runs: section <c>JitGrains</c> of the configuration. docs/operations.md lists all settings.</summary>
public sealed record GatewayOptions
{
    /// <summary>The listener of <see cref="Port"/>.</summary>
    internal const string GatewayListener = "gateway";

    /// <summary>That of <see cref="Http2Port"/>.</summary>
    internal const string Http2Listener = "gateway-http2";

    /// <summary>That of <see cref="ControlPort"/>.</summary>
    internal const string ControlListener = "control";

    /// <summary>What this process does. Default: everything.</summary>
    public ProcessRole Role { get; init; }

    /// <summary>Whether to run the quickstart: sample upstream, development issuer, built-in policy. Default: only in the Development environment.</summary>
    public bool Quickstart { get; init; }

    /// <summary>The folder that holds all state, created (0700) where missing. Default <c>./data</c>.</summary>
    public string Data { get; init; } = "./data";

    /// <summary>The connection string of the PostgreSQL database that the cluster shares. Default none: a file in the data folder. It may hold a password.</summary>
    public string? Database { get; init; }

    /// <summary>The same database by a login that may change its schema. Default <see cref="Database"/>.</summary>
    public string? DatabaseOwner { get; init; }

    /// <summary>The same database without a pooler in between, to listen on. Default <see cref="Database"/>.</summary>
    public string? DatabaseListen { get; init; }

    /// <summary>Whether <see cref="Database"/> is reached through a pooler that pools by the transaction. Default false.</summary>
    public bool DatabaseBehindPooler { get; init; }

    /// <summary>Connections of this process to the database. Default 32.</summary>
    public int DatabaseConnections { get; init; } = 32;

    /// <summary>A folder with <c>master</c> and <c>grant-signing.pem</c> that is kept elsewhere (a mounted secret). Default: keys are in the data folder, or in the database.</summary>
    public string? KeysFolder { get; init; }

    /// <summary>In a cluster, the address under which all its processes and callers reach a silo's development issuer.</summary>
    public Uri? QuickstartIssuer { get; init; }

    /// <summary>A policy file, or a folder of them. No default; the quickstart has its own.</summary>
    public string? Policy { get; init; }

    /// <summary>Where callers are answered. Default 127.0.0.1.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>The port for callers: HTTP/1.1, and with certificates in <see cref="Tls"/> HTTP/2 as well. Default 8080; 0 picks a free one.</summary>
    public int Port { get; init; } = 8080;

    /// <summary>A further port for callers that speak HTTP/2 without TLS (prior knowledge); default none. Without TLS one port cannot tell the two apart.</summary>
    public int? Http2Port { get; init; }

    /// <summary>Where <see cref="Http2Port"/> is. Default <see cref="Address"/>.</summary>
    public IPAddress? Http2Address { get; init; }

    /// <summary>TLS of the callers' listener. Default none, which is for loopback only.</summary>
    public ListenerTls Tls { get; init; } = ListenerTls.Clear;

    /// <summary>TLS of the control plane's listener. Default none, which is for loopback only.</summary>
    public ListenerTls ControlTls { get; init; } = ListenerTls.Clear;

    /// <summary>Further listeners. Where there are any for callers, the one of <see cref="Port"/> is there only if that is set; the same for the control plane. Default none.</summary>
    public IReadOnlyList<ListenerOptions> Listeners { get; init; } = [];

    /// <summary>Whether callers are answered at <see cref="Port"/>.</summary>
    internal bool HasPort { get; init; } = true;

    /// <summary>Whether approvers and operators are answered at <see cref="ControlPort"/>.</summary>
    internal bool HasControlPort { get; init; } = true;

    /// <summary>How often it is looked whether files of certificates changed. Default 30 s.</summary>
    public TimeSpan CertificatesPoll { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Where approvers and operators are answered. Default 127.0.0.1.</summary>
    public IPAddress ControlAddress { get; init; } = IPAddress.Loopback;

    /// <summary>The control plane's port. Default 8081; 0 picks a free one.</summary>
    public int ControlPort { get; init; } = 8081;

    /// <summary>The quickstart's sample upstream, always on loopback. Default 8082 where one process does all; otherwise none.</summary>
    public int? SamplePort { get; init; } = 8082;

    /// <summary>Most callers held at once; further ones get the 403 with the way to re-join at once. Default 20,000.</summary>
    public int MaxHeld { get; init; } = 20_000;

    /// <summary>How often it is looked whether what callers are held for was decided, should the news of it be lost. Default 2 s.</summary>
    public TimeSpan HoldPoll { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Principals' views kept in memory. Default 100,000.</summary>
    public int MaxViews { get; init; } = 100_000;

    /// <summary>Journal entries that may wait to be written; beyond that new calls wait up to a second for room, then get 503. Default 10,000.</summary>
    public int JournalCapacity { get; init; } = 10_000;

    /// <summary>Calls served at once, those not counted that are held; more get 503 at once. Default 20,000.</summary>
    public int MaxCalls { get; init; } = 20_000;

    /// <summary>Where the process gets to its work later than this, time and again, a share of new calls is turned away. Default 500 ms.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>Calls that wait for the store at once, one caller's no more than a quarter of that; more get 503 at once. Default 1,000.</summary>
    public int MaxStoreWaits { get; init; } = 1_000;

    /// <summary>How long after its use was taken an execution may still start. Default 5 s.</summary>
    public TimeSpan StartWithin { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a lease holds after it was asked for. Default 5 s. Without one, approve rules answer 503. The shorter it is, the sooner a gateway that died is waited out.</summary>
    public TimeSpan Lease { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How often it is renewed. Default 1 s; at least twice within the lease.</summary>
    public TimeSpan LeaseRenewal { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long calls under allow rules go on without a lease. Default 30 s. A block waits for it where a gateway does not answer.</summary>
    public TimeSpan AllowMaxStale { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a revocation may take to be applied here before the lease is given up. Default 250 ms; at most 400 ms, since others wait for half a second.</summary>
    public TimeSpan DrainWithin { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Who says what assertions to upstreams say. Default <c>jitgrains</c>.</summary>
    public string AssertionIssuer { get; init; } = "jitgrains";

    /// <summary>How long a key signs assertions. Default one day; 1 hour to 90 days.</summary>
    public TimeSpan AssertionKeyRotation { get; init; } = TimeSpan.FromDays(1);

    /// <summary>How long a stop waits for running calls. Default 30 s.</summary>
    public TimeSpan StopWithin { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Who stands in front of the listeners.</summary>
    internal NetworkOptions Network { get; init; } = new();

    /// <summary>What one client can take of a listener.</summary>
    public ListenerLimits Limits { get; init; } = new();

    /// <summary>Reads the section, adding to <paramref name="problems"/> every setting that cannot be used.</summary>
    public static GatewayOptions Read(IConfiguration section, bool development, ICollection<string> problems)
    {
        var read = new SettingReader(section, problems);
        var defaults = new GatewayOptions();
        var role = read.Choice<ProcessRole>("Role");
        var listeners = ListenerOptions.ReadAll(section.GetSection("Listeners"), problems);
        return new GatewayOptions
        {
            Role = role,
            Database = read.Text("Database"),
            DatabaseOwner = read.Text("DatabaseOwner"),
            DatabaseListen = read.Text("DatabaseListen"),
            DatabaseBehindPooler = read.Flag("DatabaseBehindPooler", false),
            DatabaseConnections = read.Count("DatabaseConnections", defaults.DatabaseConnections),
            KeysFolder = read.Text("KeysFolder"),
            QuickstartIssuer = read.Uri("QuickstartIssuer"),
            Quickstart = read.Flag("Quickstart", development),
            Data = read.Text("Data") ?? defaults.Data,
            Policy = read.Text("Policy"),
            Address = read.Address("Address", defaults.Address),
            Port = read.Port("Port") ?? defaults.Port,
            Http2Port = read.Port("Http2Port"),
            Http2Address = read.Text("Http2Address") is null ? null : read.Address("Http2Address", defaults.Address),
            Tls = ListenerTls.Read(section, "Tls", problems),
            ControlTls = ListenerTls.Read(section, "ControlTls", problems),
            Listeners = listeners,
            HasPort = read.Text("Port") is not null || listeners.All(l => l.Role != ListenerRole.Gateway),
            HasControlPort = read.Text("ControlPort") is not null || listeners.All(l => l.Role != ListenerRole.ControlPlane),
            CertificatesPoll = read.Duration("CertificatesPoll", defaults.CertificatesPoll, TimeSpan.FromDays(1)),
            ControlAddress = read.Address("ControlAddress", defaults.ControlAddress),
            ControlPort = read.Port("ControlPort") ?? defaults.ControlPort,
            SamplePort = read.Port("SamplePort") ?? (role == ProcessRole.All ? defaults.SamplePort : null),
            MaxHeld = read.Count("MaxHeld", defaults.MaxHeld),
            HoldPoll = read.Duration("HoldPoll", defaults.HoldPoll, TimeSpan.FromMinutes(1)),
            MaxViews = read.Count("MaxViews", defaults.MaxViews),
            JournalCapacity = read.Count("JournalCapacity", defaults.JournalCapacity),
            MaxCalls = read.Count("MaxCalls", defaults.MaxCalls),
            MaxDelay = read.Duration("MaxDelay", defaults.MaxDelay, TimeSpan.FromHours(1)),
            MaxStoreWaits = read.Count("MaxStoreWaits", defaults.MaxStoreWaits),
            StartWithin = read.Duration("StartWithin", defaults.StartWithin, TimeSpan.FromMinutes(1)),
            Lease = read.Duration("Lease", defaults.Lease, TimeSpan.FromMinutes(1)),
            LeaseRenewal = read.Duration("LeaseRenewal", defaults.LeaseRenewal, TimeSpan.FromSeconds(30)),
            AllowMaxStale = read.Duration("AllowMaxStale", defaults.AllowMaxStale, TimeSpan.FromHours(1)),
            DrainWithin = read.Duration("DrainWithin", defaults.DrainWithin, TimeSpan.FromMilliseconds(400)),
            AssertionIssuer = read.Text("AssertionIssuer") ?? defaults.AssertionIssuer,
            AssertionKeyRotation = read.Duration("AssertionKeyRotation", defaults.AssertionKeyRotation, AssertionKeysMachine.MostRotation),
            StopWithin = read.Duration("StopWithin", defaults.StopWithin, TimeSpan.FromMinutes(10)),
            Network = NetworkOptions.Read(read, problems),
            Limits = ListenerLimits.Read(read),
        };
    }

    /// <summary>Nothing of the settings: passwords may be among them.</summary>
    public override string ToString() => nameof(GatewayOptions);

    /// <summary>What is wrong with the settings together.</summary>
    public IEnumerable<string> Problems()
    {
        if (Quickstart && !(IPAddress.IsLoopback(Address) && IPAddress.IsLoopback(ControlAddress)))
            yield return "Address, ControlAddress: the quickstart listens on loopback only. Configure a policy and an issuer to serve others.";
        if (Role != ProcessRole.All && Database is null)
            yield return "Role: a gateway or a silo of its own needs the Database that the cluster shares (--database).";
        if (Database is null && (DatabaseOwner ?? DatabaseListen) is not null)
            yield return "DatabaseOwner, DatabaseListen: they go with a Database.";
        if (Role == ProcessRole.Gateway && Quickstart && QuickstartIssuer is null)
            yield return "QuickstartIssuer: a gateway of a quickstart must know where silos run the development issuer.";
        if (Role == ProcessRole.Gateway && (KeysFolder ?? Policy ?? DatabaseOwner) is not null)
            yield return "KeysFolder, Policy, DatabaseOwner: these are for silos; a gateway takes keys and policy from the database.";
        if (!Quickstart && Policy is null && Database is null)
            yield return "Policy: name a policy file or folder (--policy PATH), or start with --quickstart.";
        foreach (var problem in Limits.Problems().Concat(TlsProblems()).Concat(Listeners.SelectMany(l => l.Problems(Quickstart))))
            yield return problem;
        if (Quickstart && Listeners.Any(l => l.Role == ListenerRole.ControlPlane))
            yield return "Listeners: the quickstart's issuer is on the control plane of ControlPort; there is no other.";
        if (Network.Proxies.IsEmpty && Listeners.Any(l => l.ProxyProtocol))
            yield return "Listeners: ProxyProtocol: list the Proxies that speak it; nobody else is let in by such a listener.";
        if (AssertionKeyRotation < AssertionKeysMachine.LeastRotation)
            yield return "AssertionKeyRotation: a key signs for an hour or longer.";
        if (LeaseRenewal > Lease / 2)
            yield return "LeaseRenewal: at least two renewals must fit into a Lease.";
        var all = AllListeners().ToList();
        foreach (var (i, one) in all.Index())
        {
            if (Listeners.Contains(one) && all.Take(i).FirstOrDefault(one.Collides) is { } first)
                yield return $"{one.PortSetting}: the listener '{first.Name}' has this port already.";
        }

        var ports = new[] { Role.RunsGateway() && HasPort ? Port : 0, Role.RunsSilo() && HasControlPort ? ControlPort : 0, Role.RunsGateway() ? Http2Port ?? 0 : 0, Quickstart ? SamplePort ?? 0 : 0 }.Where(p => p != 0).ToList();
        if (ports.Distinct().Count() != ports.Count)
            yield return "Port, Http2Port, ControlPort, SamplePort: each listener needs a port of its own.";
    }

    /// <summary>Whether a caller may have used another scheme than the connection from there to here shows.</summary>
    internal bool SchemesVary => !Network.Proxies.IsEmpty || AllListeners().Any(l => l.Tls.IsTerminated);

    /// <summary>Every listener of the process' role, but for the sample upstream's.</summary>
    internal IEnumerable<ListenerOptions> AllListeners()
    {
        if (Role.RunsGateway() && HasPort)
        {
            yield return new ListenerOptions
            {
                Name = GatewayListener, Role = ListenerRole.Gateway, PortSetting = "--port", Address = Address, Port = Port, Protocols = ListenerOptions.Usual(Tls), Tls = Tls, ProxyProtocol = Network.ProxyProtocol,
            };
        }

        if (Role.RunsGateway() && Http2Port is { } http2)
        {
            yield return new ListenerOptions
            {
                Name = Http2Listener, Role = ListenerRole.Gateway, PortSetting = "--http2-port", Address = Http2Address ?? Address, Port = http2, Protocols = HttpProtocols.Http2,
                Tls = new ListenerTls(Tls.IsTerminated, null), ProxyProtocol = Network.ProxyProtocol,
            };
        }

        if (Role.RunsSilo() && HasControlPort)
        {
            yield return new ListenerOptions
            {
                Name = ControlListener, Role = ListenerRole.ControlPlane, PortSetting = "--control-port", Address = ControlAddress, Port = ControlPort,
                Protocols = ListenerOptions.Usual(ControlTls), Tls = ControlTls, ProxyProtocol = Network.ControlProxyProtocol,
            };
        }

        foreach (var one in Listeners.Where(l => l.Role == ListenerRole.Gateway ? Role.RunsGateway() : Role.RunsSilo()))
            yield return one;
    }

    private IEnumerable<string> TlsProblems()
    {
        if (Quickstart)
        {
            // It listens on loopback, which is said already; its issuer is found over HTTP.
            if (ControlTls.Own is not null)
                yield return "ControlTls: the quickstart's issuer is on the control plane, and answers without TLS.";
            foreach (var problem in Tls.Own?.Problems("Tls") ?? [])
                yield return problem;
            yield break;
        }

        if (Role.RunsGateway() && (HasPort || Http2Port is not null))
        {
            foreach (var problem in Tls.Problems("Tls", "Address", IPAddress.IsLoopback(Address)))
                yield return problem;
            if (Tls.Own is not null && Http2Port is not null && !IPAddress.IsLoopback(Http2Address ?? Address))
                yield return "Http2Port: it is without TLS, so beside Tls:Certificates it needs an Http2Address on loopback; Port speaks HTTP/2 by itself.";
            else if (Tls.Own is null && !Tls.IsTerminated && Http2Port is not null && IPAddress.IsLoopback(Address) && Http2Address is { } http2 && !IPAddress.IsLoopback(http2))
                yield return $"Http2Address: beyond loopback tokens would travel in clear text; say Tls={TlsOptions.Terminated} where what stands in front speaks TLS.";
        }

        if (Role.RunsSilo() && HasControlPort)
        {
            foreach (var problem in ControlTls.Problems("ControlTls", "ControlAddress", IPAddress.IsLoopback(ControlAddress)))
                yield return problem;
        }
    }
}
