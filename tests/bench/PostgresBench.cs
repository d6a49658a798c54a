using System.Diagnostics;
using System.Globalization;
using System.Security.Cryptography;
using JitGrains.Approvals;
using JitGrains.Audit;
using JitGrains.Grants;
using JitGrains.Identity;
using JitGrains.Outbox;
using JitGrains.Principals;
using JitGrains.Runtime;
using JitGrains.Runtime.Engine;
using JitGrains.Secrets;
using JitGrains.TestSupport;
using Microsoft.Extensions.Logging;

namespace JitGrains.Bench;

/// <summary>
/// The engine on PostgreSQL without HTTP: uses of counted grants (a turn that takes the use, a turn that records its outcome,
/// each a commit) by many principals, beside <c>pgbench -N</c> (one commit a transaction) on the same server.
/// </summary>
internal static class PostgresBench
{
    private const int Principals = 1_000;

    private static readonly TimeSpan Round = TimeSpan.FromSeconds(10);

    /// <summary>Runs it for these numbers of clients, 16 and 64 where none are given.</summary>
    public static async Task<int> RunAsync(params int[] clientCounts)
    {
        await using var server = await PostgresServer.StartAsync();
        using var pgbench = await PgBench.PrepareAsync(server);
        await using var services = Services(await server.CreateDatabaseAsync());
        foreach (var service in services.GetServices<IHostedService>())
            await service.StartAsync(CancellationToken.None);
        var grants = await GrantAsync(services);

        Console.WriteLine("| clients | pgbench -N, transactions/s | uses/s | share of half of pgbench | use p50, ms | use p99, ms |");
        Console.WriteLine("|---|---|---|---|---|---|");
        // Until what runs often has been compiled well.
        await ConsumeAsync(services, grants, clients: 64, TimeSpan.FromSeconds(30));
        foreach (var clients in clientCounts.Length > 0 ? clientCounts : [16, 64])
        {
            // Turn by turn, so that both see the same machine.
            var transactions = new List<double>();
            var uses = new List<(double PerSecond, double P50, double P99)>();
            for (var round = 0; round < 3; round++)
            {
                transactions.Add(await pgbench.RunAsync(clients, Round));
                uses.Add(await ConsumeAsync(services, grants, clients, Round));
            }

            var (tps, use) = (transactions.Order().ElementAt(1), uses.OrderBy(u => u.PerSecond).ElementAt(1));
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"| {clients} | {tps:N0} | {use.PerSecond:N0} | {use.PerSecond / (tps / 2):P0} | {use.P50:N1} | {use.P99:N1} |"));
        }

        foreach (var service in services.GetServices<IHostedService>().Reverse())
            await service.StopAsync(CancellationToken.None);
        return 0;
    }

    private static ServiceProvider Services(string database)
    {
        var collection = new ServiceCollection();
        collection.AddLogging(logging => logging.AddSimpleConsole().SetMinimumLevel(LogLevel.Warning));
        collection.AddSingleton(new AuditSealer(new SecretKey(new byte[32])));
        collection.AddSingleton<IOutboxHandler, Nowhere>();
        collection.AddGrainEngine(options =>
        {
            options.Database = database;
            options.AddGrain<PrincipalGrain>();
        });
        return collection.BuildServiceProvider();
    }

    private static async Task<Grant[]> GrantAsync(ServiceProvider services)
    {
        var signer = new GrantSigner(ECDsa.Create(ECCurve.NamedCurves.nistP256));
        var grains = services.GetRequiredService<IGrainFactory>();
        Grant[] grants = [.. Enumerable.Range(0, Principals).Select(n => signer.Sign(Sample.Grant(n, uses: 1_000_000, notBefore: TimeProvider.System.GetUtcNow()) with
        {
            Principal = new PrincipalId($"dev:user:user{n}"),
            ExpiresAt = TimeProvider.System.GetUtcNow() + TimeSpan.FromHours(1),
        }))];
        await Parallel.ForEachAsync(grants, new ParallelOptions { MaxDegreeOfParallelism = 16 }, async (grant, _) => await grains.GetGrain<IPrincipalGrain>(grant.CallerKey).IssueGrant(grant));
        await services.GetRequiredService<IOutboxPump>().WhenIdleAsync();
        return grants;
    }

    private static async Task<(double PerSecond, double P50, double P99)> ConsumeAsync(ServiceProvider services, Grant[] grants, int clients, TimeSpan duration)
    {
        var grains = services.GetRequiredService<IGrainFactory>();
        var started = Stopwatch.GetTimestamp();
        var times = await Task.WhenAll(Enumerable.Range(0, clients).Select(client => Task.Run(async () =>
        {
            var random = new Random(client);
            var mine = new List<double>();
            while (Stopwatch.GetElapsedTime(started) < duration)
            {
                var grant = grants[random.Next(grants.Length)];
                var principal = grains.GetGrain<IPrincipalGrain>(grant.CallerKey);
                var id = $"ex_{Guid.NewGuid():N}";
                var at = Stopwatch.GetTimestamp();
                var taken = await principal.Consume(new ConsumeCommand(
                    id, grant.Id, "gw_1", grant.Action, grant.Resource ?? "", grant.PayloadDigest, $"rejoin {grant.Resource}", grant.PolicyVersion));
                var use = taken.Value ?? throw new InvalidOperationException($"a use was refused: {taken.Refusal}");
                await principal.RecordOutcome(new OutcomeCommand(
                    id, new ExecutionOutcome(ExecutionStatus.Completed, 200, null, use.StartedAt, use.StartedAt + TimeSpan.FromMilliseconds(5), 100, 100)));
                mine.Add(Stopwatch.GetElapsedTime(at).TotalMilliseconds);
            }

            return mine;
        })));
        double[] all = [.. times.SelectMany(t => t).Order()];
        return (all.Length / Stopwatch.GetElapsedTime(started).TotalSeconds, all[all.Length / 2], all[(int)(all.Length * 0.99)]);
    }

    private sealed class Nowhere : IOutboxHandler
    {
        public Task HandleAsync(GrainId source, OutboxRecord record, CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
