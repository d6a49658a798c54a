using System.Collections.Concurrent;
using System.Text.Json;
using JitGrains.Gateways;
using JitGrains.Json;
using JitGrains.Runtime.Engine;

namespace JitGrains.Silo.Revocation;

/// <summary>
/// The bus' part in mail, on both sides: tells gateways, wakes them, and hears what they have acknowledged. An
/// acknowledgement names the mail by its random id and comes from the gateway that applied it, so it counts however it
/// travelled. Thread-safe.
/// </summary>
public sealed class MailBell : IDisposable
{
    private readonly ConcurrentDictionary<string, Acknowledgements> expected = new(StringComparer.Ordinal);
    private readonly IClusterBus bus;
    private readonly MailSeal seal;
    private readonly IAnswerLines? lines;
    private readonly IDisposable subscription;

    /// <summary>Starts to listen for acknowledgements.</summary>
    /// <param name="bus">The bus.</param>
    /// <param name="seal">Marks what is told, and what answers it.</param>
    /// <param name="lines">Shorter ways for answers, where there are any.</param>
    public MailBell(IClusterBus bus, MailSeal seal, IAnswerLines? lines = null)
    {
        (this.bus, this.seal, this.lines) = (bus, seal, lines);
        subscription = bus.Subscribe(BusTopics.Acknowledged, message => Hear(message.Key, message.Data));
    }

    /// <summary>Listens for who acknowledges this mail. Call it before the mail is sent, and <see cref="Forget"/> in the end.</summary>
    public Acknowledgements Expect(string mail) => expected.GetOrAdd(mail, static _ => new Acknowledgements());

    /// <summary>Stops listening for this mail.</summary>
    public void Forget(string mail) => expected.TryRemove(mail, out _);

    /// <summary>Tells every gateway at once, without leaving anything for those that do not hear it; false where it is too much to tell.</summary>
    public bool Tell(string mail, Invalidation what)
    {
        if (Telling(mail, what) is not { } telling)
            return false;
        bus.Publish(telling);
        return true;
    }

    /// <summary>What tells every gateway; null where it is too much to tell.</summary>
    public BusMessage? Telling(string mail, Invalidation what)
    {
        var data = seal.Seal(BusTopics.Told, mail, JsonSerializer.Serialize(new ToldText(bus.Address, what, lines?.Own), JitJson.Options));
        return data.Length <= BusMessage.MaxData ? new BusMessage(BusTopics.Told, mail, data) : null;
    }

    /// <summary>Has a gateway listen to what is told: the mail's id, what to apply, and whom to answer. The handler must be quick and not throw.</summary>
    public IDisposable OnTold(Action<string, Invalidation, AnswerTo> handler) => bus.Subscribe(BusTopics.Told, message =>
    {
        if (seal.Open(message.Topic, message.Key, message.Data) is { } text && Read(text) is { } told)
            handler(message.Key, told.What, new AnswerTo(told.AnswerTo, told.AnswerUrl));
    });

    /// <summary>Tells a gateway that there is mail.</summary>
    public void Wake(string incarnation) => bus.Publish(new BusMessage(BusTopics.Mail, incarnation));

    /// <summary>Says that mail was applied.</summary>
    /// <param name="incarnation">Who has applied it.</param>
    /// <param name="mails">Its ids; no more than fit into a message of the bus.</param>
    /// <param name="to">Who asked, or null where that is not known.</param>
    public void Acknowledge(string incarnation, IEnumerable<string> mails, AnswerTo? to = null)
    {
        var text = seal.Seal(BusTopics.Acknowledged, incarnation, string.Join(',', mails));
        if (to is { Url: { } url, Process: var process } && process != bus.Address && lines?.TrySend(url, $"{incarnation} {text}") == true)
            return;
        bus.Publish(new BusMessage(BusTopics.Acknowledged, incarnation, text, to?.Process));
    }

    /// <summary>An acknowledgement has come by a line; what is none is passed over.</summary>
    public void Hear(string line)
    {
        var space = line.IndexOf(' ', StringComparison.Ordinal);
        if (space > 0)
            Hear(line[..space], line[(space + 1)..]);
    }

    /// <inheritdoc/>
    public void Dispose() => subscription.Dispose();

    private void Hear(string incarnation, string? text)
    {
        foreach (var id in seal.Open(BusTopics.Acknowledged, incarnation, text)?.Split(',') ?? [])
        {
            if (expected.TryGetValue(id, out var acknowledged))
                acknowledged.Hear(incarnation);
        }
    }

    private static ToldText? Read(string text)
    {
        try
        {
            return JsonSerializer.Deserialize<ToldText>(text, JitJson.Options);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            // From a later version. There will be mail, and what happens to that is for its reader.
            return null;
        }
    }

    private sealed record ToldText(string AnswerTo, Invalidation What, string? AnswerUrl = null);
}

/// <summary>Who is to hear that something was applied.</summary>
/// <param name="Process">Its address on the bus.</param>
/// <param name="Url">Where it is answered without the bus (<see cref="IAnswerLines"/>), or null.</param>
public readonly record struct AnswerTo(string Process, string? Url);

/// <summary>Who has acknowledged one mail. Thread-safe.</summary>
public sealed class Acknowledgements
{
    private readonly Lock gate = new();
    private readonly HashSet<string> heard = new(StringComparer.Ordinal);
    private readonly List<Wait> waits = [];

    /// <summary>Completes once all of these incarnations have, also where they did before the call: who waits is woken once.</summary>
    public Task All(IEnumerable<string> incarnations)
    {
        lock (gate)
        {
            var wait = new Wait([.. incarnations.Where(i => !heard.Contains(i))]);
            if (wait.Missing.Count == 0)
                return Task.CompletedTask;
            waits.Add(wait);
            return wait.Done.Task;
        }
    }

    /// <summary>Whether this incarnation has.</summary>
    public bool Has(string incarnation)
    {
        lock (gate)
            return heard.Contains(incarnation);
    }

    /// <summary>An incarnation has.</summary>
    public void Hear(string incarnation)
    {
        lock (gate)
        {
            heard.Add(incarnation);
            foreach (var wait in waits)
            {
                if (wait.Missing.Remove(incarnation) && wait.Missing.Count == 0)
                    wait.Done.SetResult();
            }
        }
    }

    private sealed class Wait(HashSet<string> missing)
    {
        public HashSet<string> Missing => missing;

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
