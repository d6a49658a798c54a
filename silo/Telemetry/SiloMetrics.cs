using System.Diagnostics.Metrics;

namespace JitGrains.Silo.Telemetry;

/// <summary>The control plane's instruments; docs/api.md lists them. Thread-safe.</summary>
internal sealed class SiloMetrics
{
    /// <summary>The meter's name.</summary>
    public const string Name = "JitGrains.Silo";

    private readonly Counter<long> policyReloads;
    private readonly Counter<long> webhooks;
    private readonly Counter<long> unauthenticated;
    private int policyDegraded;

    public SiloMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(Name);
        policyReloads = meter.CreateCounter<long>("jitgrains.policy.reloads", "{reload}", "Changes of the policy's files, by outcome (taken, rejected)");
        webhooks = meter.CreateCounter<long>("jitgrains.webhook.attempts", "{attempt}", "Attempts to deliver a webhook, by outcome (delivered, failed, given_up)");
        unauthenticated = meter.CreateCounter<long>("jitgrains.control.unauthenticated", "{request}", "Calls of the control plane without a good token, by code");
        meter.CreateObservableGauge("jitgrains.policy.degraded", () => Volatile.Read(ref policyDegraded), "{policy}", "1 while the policy's files are not those in force");
    }

    public void PolicyReload(string outcome) => policyReloads.Add(1, new KeyValuePair<string, object?>("jitgrains.outcome", outcome));

    public void Unauthenticated(string code) => unauthenticated.Add(1, new KeyValuePair<string, object?>("jitgrains.code", code));

    public void PolicyDegraded(bool degraded) => Volatile.Write(ref policyDegraded, degraded ? 1 : 0);

    public void Webhook(string outcome) => webhooks.Add(1, new KeyValuePair<string, object?>("jitgrains.outcome", outcome));
}
