using System.Net;
using JitGrains.Silo;

namespace JitGrains.Gateway.Hosting;

/// <summary>How the gateway runs: section <c>JitGrains</c> of the configuration. docs/operations.md lists all settings.</summary>
public sealed record GatewayOptions
{
    /// <summary>What this process does. Default: everything.</summary>
    public ProcessRole Role { get; init; }

    /// <summary>Whether to run the quickstart: sample upstream, development issuer, built-in policy. Default: only in the Development environment.</summary>
    public bool Quickstart { get; init; }

    /// <summary>The folder that holds all state, created (0700) where missing. Default <c>./data</c>.</summary>
    public string Data { get; init; } = "./data";

    /// <summary>A policy file, or a folder of them. No default; the quickstart has its own.</summary>
    public string? Policy { get; init; }

    /// <summary>Where callers are answered. Default 127.0.0.1.</summary>
    public IPAddress Address { get; init; } = IPAddress.Loopback;

    /// <summary>The port for callers, HTTP/1.1. Default 8080; 0 picks a free one.</summary>
    public int Port { get; init; } = 8080;

    /// <summary>A further port for callers that speak HTTP/2 without TLS (prior knowledge); default none. Without TLS one port cannot tell the two apart.</summary>
    public int? Http2Port { get; init; }

    /// <summary>Where approvers and operators are answered. Default 127.0.0.1.</summary>
    public IPAddress ControlAddress { get; init; } = IPAddress.Loopback;

    /// <summary>The control plane's port. Default 8081; 0 picks a free one.</summary>
    public int ControlPort { get; init; } = 8081;

    /// <summary>The quickstart's sample upstream. Default 8082, always on loopback.</summary>
    public int SamplePort { get; init; } = 8082;

    /// <summary>Most callers held at once; further ones get the 403 with the way to re-join at once. Default 20,000.</summary>
    public int MaxHeld { get; init; } = 20_000;

    /// <summary>How often it is looked whether what callers are held for was decided, should the news of it be lost. Default 2 s.</summary>
    public TimeSpan HoldPoll { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>Principals' views kept in memory. Default 100,000.</summary>
    public int MaxViews { get; init; } = 100_000;

    /// <summary>Journal entries that may wait to be written; beyond that new calls wait up to a second for room, then get 503. Default 10,000.</summary>
    public int JournalCapacity { get; init; } = 10_000;

    /// <summary>How long after its use was taken an execution may still start. Default 5 s.</summary>
    public TimeSpan StartWithin { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a stop waits for running calls. Default 30 s.</summary>
    public TimeSpan StopWithin { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Reads the section, adding to <paramref name="problems"/> every setting that cannot be used.</summary>
    public static GatewayOptions Read(IConfiguration section, bool development, ICollection<string> problems)
    {
        var read = new SettingReader(section, problems);
        var defaults = new GatewayOptions();
        return new GatewayOptions
        {
            Quickstart = read.Flag("Quickstart", development),
            Data = read.Text("Data") ?? defaults.Data,
            Policy = read.Text("Policy"),
            Address = read.Address("Address", defaults.Address),
            Port = read.Port("Port") ?? defaults.Port,
            Http2Port = read.Port("Http2Port"),
            ControlAddress = read.Address("ControlAddress", defaults.ControlAddress),
            ControlPort = read.Port("ControlPort") ?? defaults.ControlPort,
            SamplePort = read.Port("SamplePort") ?? defaults.SamplePort,
            MaxHeld = read.Count("MaxHeld", defaults.MaxHeld),
            HoldPoll = read.Duration("HoldPoll", defaults.HoldPoll, TimeSpan.FromMinutes(1)),
            MaxViews = read.Count("MaxViews", defaults.MaxViews),
            JournalCapacity = read.Count("JournalCapacity", defaults.JournalCapacity),
            StartWithin = read.Duration("StartWithin", defaults.StartWithin, TimeSpan.FromMinutes(1)),
            StopWithin = read.Duration("StopWithin", defaults.StopWithin, TimeSpan.FromMinutes(10)),
        };
    }

    /// <summary>What is wrong with the settings together.</summary>
    public IEnumerable<string> Problems()
    {
        if (Quickstart && !(IPAddress.IsLoopback(Address) && IPAddress.IsLoopback(ControlAddress)))
            yield return "Address, ControlAddress: the quickstart listens on loopback only. Configure a policy and an issuer to serve others.";
        if (!Quickstart && Policy is null)
            yield return "Policy: name a policy file or folder (--policy PATH), or start with --quickstart.";
        var ports = new[] { Port, ControlPort, Http2Port ?? 0, Quickstart ? SamplePort : 0 }.Where(p => p != 0).ToList();
        if (ports.Distinct().Count() != ports.Count)
            yield return "Port, Http2Port, ControlPort, SamplePort: each listener needs a port of its own.";
    }
}
