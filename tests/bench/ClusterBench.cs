using JitGrains.ClusterTests.Load;
using JitGrains.ClusterTests.Running;
using JitGrains.ClusterTests.Wire;

namespace JitGrains.Bench;

/// <summary>
/// The cluster: revocation by number of gateways, a vote's way to a held caller, uses taken beside pgbench on the same
/// server, and allowed calls by number of gateways with how many of them waited for the database. All in one run.
/// </summary>
internal sealed partial class ClusterBench(Cluster cluster, Issuer issuer, StoreWaits waits) : IDisposable
{
    // What a busy machine keeps waiting is measured, and no failure.
    private readonly Client client = new(oneByOne: true, patience: TimeSpan.FromMinutes(1));
    private readonly Person dave = Person.Of(issuer, "dave", "operators");
    private readonly Person bob = Person.Of(issuer, "bob", "managers");
    private int people;

    /// <param name="part">
    /// <c>idle</c>: revocations and votes with nothing else going on; <c>votes</c>: only votes; <c>revocations</c>: only revocations, with
    /// so many gateways; <c>uses</c>: executions of counted grants through 1 and 3 gateways; <c>allowed</c>: allowed calls through 1, 2 and 4 gateways; otherwise all.
    /// </param>
    /// <param name="gateways">How many gateways for <c>revocations</c>.</param>
    public static async Task<int> RunAsync(string? part = null, int gateways = 3)
    {
        Console.WriteLine($"Engine: {(OrleansDatabase.IsEngine ? "Orleans" : "built in")}.");
        Console.WriteLine($"Clients, upstream, silos, gateways and PostgreSQL share this machine's {Environment.ProcessorCount} cores.");
        await using var upstream = await ServerProcess.StartQuietSelfAsync("upstream");
        await using var issuer = await Issuer.Start();
        await using var waits = await StoreWaits.StartAsync();
        var settings = new Settings(new Uri(upstream.Url), "cluster.yaml", issuer)
        {
            // Metrics each second, and no traces, where they are read.
            More = new Dictionary<string, string>(part is null or "allowed" ? [new("OtlpEndpoint", waits.Address.ToString())] : [], StringComparer.Ordinal),
            Variables = new Dictionary<string, string>(StringComparer.Ordinal) { ["OTEL_METRIC_EXPORT_INTERVAL"] = "1000", ["OTEL_TRACES_SAMPLER"] = "always_off" },
        };
        await using var cluster = await Cluster.Start(gateways: 1, silos: 2, settings, faults: false);
        using var bench = new ClusterBench(cluster, issuer, waits);
        await (part switch
        {
            "idle" => bench.MeasureIdleAsync(),
            "votes" => bench.MeasureVotesAsync(),
            "revocations" => bench.MeasureRevocationsAsync(gateways),
            "uses" => bench.MeasureUsesAsync(),
            "allowed" => bench.MeasureAllowedAsync(),
            _ => bench.MeasureAsync(),
        });
        return 0;
    }

    public void Dispose() => client.Dispose();

    private async Task MeasureIdleAsync()
    {
        List<string> revocation = [], voting = [];
        await RevocationAsync(revocation, load: false);
        await cluster.Grow(3);
        await RevocationAsync(revocation, load: false);
        await VotingAsync(voting, load: false);
        await cluster.Grow(8);
        await RevocationAsync(revocation, load: false);
        Table(RevocationHead, revocation);
        Table(VotingHead, voting);
    }

    private async Task MeasureVotesAsync()
    {
        List<string> voting = [];
        await cluster.Grow(3);
        await VotingAsync(voting, load: false);
        Table(VotingHead, voting);
    }

    private async Task MeasureRevocationsAsync(int gateways)
    {
        List<string> revocation = [];
        await cluster.Grow(gateways);
        await RevocationAsync(revocation, load: false);
        Table(RevocationHead, revocation);
    }

    private async Task MeasureUsesAsync()
    {
        List<string> consuming = [];
        await ConsumingAsync(consuming);
        await cluster.Grow(3);
        await ConsumingAsync(consuming);
        Table(ConsumingHead, consuming);
    }

    private async Task MeasureAllowedAsync()
    {
        List<string> allowed = [];
        foreach (var gateways in (int[])[1, 2, 4])
        {
            await cluster.Grow(gateways);
            await AllowedAsync(allowed);
        }

        Table(AllowedHead, allowed);
    }

    private async Task MeasureAsync()
    {
        List<string> revocation = [], allowed = [], voting = [], consuming = [];
        await AllowedAsync(allowed);
        await RevocationAsync(revocation, load: false);
        await RevocationAsync(revocation, load: true);
        await ConsumingAsync(consuming);
        await cluster.Grow(2);
        await AllowedAsync(allowed);
        await cluster.Grow(3);
        await RevocationAsync(revocation, load: false);
        await RevocationAsync(revocation, load: true);
        await VotingAsync(voting, load: false);
        await VotingAsync(voting, load: true);
        await ConsumingAsync(consuming);
        await cluster.Grow(4);
        await AllowedAsync(allowed);
        await cluster.Grow(8);
        await RevocationAsync(revocation, load: false);
        await RevocationAsync(revocation, load: true);

        Table(RevocationHead, revocation);
        Table(VotingHead, voting);
        Table(ConsumingHead, consuming);
        Table(AllowedHead, allowed);
    }

    /// <summary>Asks ahead for what policy approves by itself; the grant's id.</summary>
    private async Task<string> GrantAsync(Person holder, string action, string? resource)
    {
        var gateway = cluster.Gateways[0].Process.Gateway;
        var task = await MustAsync(await client.Send("POST", new Uri(gateway, "/.jit/requests"), holder.Token, resource is null ? new { action } : (object)new { action, resource }));
        var id = task.Json["id"]!.GetValue<string>();
        var settled = await MustAsync(await client.Send("GET", new Uri(gateway, $"/.jit/requests/{id}"), holder.Token, null, TimeSpan.FromSeconds(30), default, ("Prefer", "wait=20")));
        return settled.Json["grant"]?["id"]?.GetValue<string>() ?? throw new InvalidOperationException($"no grant: {settled.Body}");
    }

    private static Task<Answer> MustAsync(Answer answer) =>
        answer.Succeeded ? Task.FromResult(answer) : throw new InvalidOperationException($"answered {answer.Status}: {answer.Body}{answer.Because}");

    private Person NewPerson() => Person.Of(issuer, $"bench-{people++}", "engineering");

    private static void Table(string head, IEnumerable<string> rows)
    {
        Console.WriteLine();
        Console.WriteLine(head);
        foreach (var row in rows)
            Console.WriteLine(row);
    }
}
