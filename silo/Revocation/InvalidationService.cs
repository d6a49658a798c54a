using JitGrains.Gateways;
using JitGrains.Identity;
using JitGrains.Runtime.Engine;
using Microsoft.Extensions.Logging;

namespace JitGrains.Silo.Revocation;

/// <summary>
/// Tells every gateway by the bus, and waits until each incarnation in the directory has acknowledged. For whoever has not
/// after a moment mail is left; who does not acknowledge that either is condemned and waited out. What is to be told one
/// gateway while a post to it is being written travels with the next. Thread-safe.
/// </summary>
internal sealed partial class InvalidationService(
    IGrainFactory grains, MailBell bell, CondemnedGateways condemned, IIdGenerator ids, LeaseTime time, ILogger<InvalidationService> logger) : IInvalidationService
{
    /// <summary>How long a gateway has. Its own limit is shorter, so that it can give up its lease instead of being condemned.</summary>
    public static readonly TimeSpan AcknowledgeWithin = TimeSpan.FromMilliseconds(500);

    /// <summary>How much of that it is waited for what the bus alone has told, before there is mail.</summary>
    private static readonly TimeSpan MailAfter = TimeSpan.FromMilliseconds(100);

    /// <summary>How often its grain is asked meanwhile, in case the bus lost something.</summary>
    private static readonly TimeSpan AskAgain = TimeSpan.FromMilliseconds(100);

    /// <summary>For how long a store that fails is tried again.</summary>
    private static readonly TimeSpan KeepTrying = TimeSpan.FromSeconds(30);

    private readonly Lock gate = new();
    private readonly Dictionary<string, Letters> letters = new(StringComparer.Ordinal);

    private enum Reached
    {
        /// <summary>It has applied it.</summary>
        Acknowledged,

        /// <summary>It did not answer, and its lease is over.</summary>
        WaitedOut,

        /// <summary>Nothing could start there, and nothing was to be waited for.</summary>
        Over,
    }

    /// <inheritdoc/>
    public async Task<InvalidationResult> InvalidateAsync(Invalidation what, string? told, CancellationToken cancellationToken)
    {
        var mail = told ?? ids.NewSuffix();
        var heard = bell.Expect(mail);
        try
        {
            // Both after what is invalidated was committed. Whoever enters the directory later reads what is new.
            var isTold = told is not null || bell.Tell(mail, what);
            var list = await Try(() => grains.GetGrain<IGatewayDirectoryGrain>(IGatewayDirectoryGrain.Key).List());
            var reached = await Reach([.. list.Entries.Select(e => e.Incarnation)], what, isTold ? heard : null).WaitAsync(cancellationToken);
            return new InvalidationResult(reached.Count(r => r == Reached.Acknowledged), reached.Count(r => r == Reached.WaitedOut));
        }
        finally
        {
            bell.Forget(mail);
        }
    }

    private async Task<Reached[]> Reach(string[] incarnations, Invalidation what, Acknowledgements? heard)
    {
        if (heard is null)
            return await Task.WhenAll(incarnations.Select(i => Mail(i, what)));
        string[] listening = [.. incarnations.Where(i => !condemned.IsOver(i))];
        var over = Task.WhenAll(incarnations.Except(listening, StringComparer.Ordinal).Select(i => Mail(i, what)));
        try
        {
            await heard.All(listening).WaitAsync(MailAfter, time.Provider);
        }
        catch (TimeoutException)
        {
            // One of them, or its answer, did not get through, or it takes its time.
        }

        var told = Task.WhenAll(listening.Select(i => heard.Has(i) ? Task.FromResult(Reached.Acknowledged) : Mail(i, what)));
        return [.. await over, .. await told];
    }

    private Task<Reached> Mail(string incarnation, Invalidation what)
    {
        var letter = new Letter(what);
        bool first;
        lock (gate)
        {
            first = !letters.TryGetValue(incarnation, out var waiting);
            (waiting ??= letters[incarnation] = new Letters()).Queue.Add(letter);
        }

        if (first)
            _ = Send(incarnation);
        return letter.Reached.Task;
    }

    /// <summary>Posts what waits for one incarnation, one post after the other, until nothing does.</summary>
    private async Task Send(string incarnation)
    {
        while (true)
        {
            List<Letter> batch;
            lock (gate)
            {
                var waiting = letters[incarnation];
                batch = waiting.Queue;
                if (batch.Count == 0)
                {
                    letters.Remove(incarnation);
                    return;
                }

                waiting.Queue = [];
            }

            var mail = new GatewayMail(ids.NewSuffix(), [.. batch.Select(l => l.What)]);
            var rings = bell.Expect(mail.Id).All([incarnation]);
            try
            {
                var posted = await Try(() => grains.GetGrain<IGatewayGrain>(incarnation).Post(mail));
                _ = Finish(incarnation, mail, rings, posted, batch);
            }
            catch (Exception e)
            {
                bell.Forget(mail.Id);
                batch.ForEach(l => l.Reached.TrySetException(e));
            }
        }
    }

    private async Task Finish(string incarnation, GatewayMail mail, Task rings, Reply<LeaseView> posted, List<Letter> batch)
    {
        try
        {
            var end = posted.Refusal is null ? await WhenAcknowledged(incarnation, mail.Id, rings) : await grains.GetGrain<IGatewayGrain>(incarnation).Get();
            if (end is null)
            {
                batch.ForEach(l => l.Reached.TrySetResult(Reached.Acknowledged));
                return;
            }

            if (end.Phase is LeasePhase.Condemned or LeasePhase.Closed)
                condemned.Note(incarnation);
            await Task.WhenAll(batch.Select(async l => l.Reached.TrySetResult(await Settle(incarnation, end, l.What))));
        }
        catch (Exception e)
        {
            batch.ForEach(l => l.Reached.TrySetException(e));
        }
        finally
        {
            bell.Forget(mail.Id);
        }
    }

    private async Task<Reached> Settle(string incarnation, LeaseView end, Invalidation what) =>
        end.Phase == LeasePhase.Condemned && await condemned.WaitOutAsync(incarnation, end, what is Invalidation.Restrictions { ConcernsAllowRules: true })
            ? Reached.WaitedOut
            : Reached.Over;

    /// <summary>Null once it has acknowledged; otherwise its lease, which is over or condemned.</summary>
    private async Task<LeaseView?> WhenAcknowledged(string incarnation, string mail, Task rings)
    {
        var gateway = grains.GetGrain<IGatewayGrain>(incarnation);
        var began = time.Provider.GetTimestamp();
        do
        {
            bell.Wake(incarnation);
            try
            {
                await rings.WaitAsync(AskAgain, time.Provider);
                return null;
            }
            catch (TimeoutException)
            {
                // The grain may know more: the bus may have lost either message.
            }

            if (await Try(gateway.Get) is { Phase: not LeasePhase.Open } ended)
                return ended;
        }
        while (time.Provider.GetElapsedTime(began) < AcknowledgeWithin - MailAfter);

        var view = await Condemn(gateway, mail);
        if (view.Phase == LeasePhase.Open)
            return null;
        if (view.Phase == LeasePhase.Condemned)
            LogCondemned(logger, incarnation, AcknowledgeWithin.TotalMilliseconds);
        return view;
    }

    private async Task<LeaseView> Condemn(IGatewayGrain gateway, string mail) =>
        (await Try(() => gateway.Condemn(new CondemnGateway(LeaseEnds.Unacknowledged, UnlessAcknowledged: mail)))).Value!;

    /// <summary>Goes on while the store fails, for a while: what is revoked already should be told everybody.</summary>
    private async Task<T> Try<T>(Func<Task<T>> call)
    {
        var began = time.Provider.GetTimestamp();
        for (var wait = TimeSpan.FromMilliseconds(50); ; wait = wait < TimeSpan.FromSeconds(1) ? wait * 2 : wait)
        {
            try
            {
                return await call();
            }
            catch (Exception e) when (time.Provider.GetElapsedTime(began) < KeepTrying)
            {
                LogTryingAgain(logger, e);
                await Task.Delay(wait, time.Provider);
            }
        }
    }

    /// <summary>What waits for one incarnation while a post to it is being written.</summary>
    private sealed class Letters
    {
        public List<Letter> Queue { get; set; } = [];
    }

    private sealed record Letter(Invalidation What)
    {
        public TaskCompletionSource<Reached> Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
