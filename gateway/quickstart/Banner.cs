using JitGrains.Gateway.Hosting;

namespace JitGrains.Gateway.Quickstart;

/// <summary>What the quickstart says once it listens: the README's worked example, to copy.</summary>
internal static class Banner
{
    public static Task Write(TextWriter output, Listeners listeners)
    {
        var gateway = Trim(listeners.Address(ListenerRole.Gateway));
        return output.WriteLineAsync($"""

            JitGrains quickstart
              gateway        {gateway}
              control plane  {Trim(listeners.Address(ListenerRole.ControlPlane))}
              upstream       {Trim(listeners.Address(ListenerRole.SampleUpstream))} (sample orders)

            Try, in another terminal:
              alice=$(dotnet run --project cli -- dev token alice | tail -n 1)
              curl {gateway}/orders -H "Authorization: Bearer $alice"
              curl {gateway}/orders/42/refunds -H "Authorization: Bearer $alice" --json '{"{\"amount\": 25}"}'

            The second is held. As bob, in a third terminal:
              export JIT_TOKEN=$(dotnet run --project cli -- dev token bob | tail -n 1)
              dotnet run --project cli -- requests
              dotnet run --project cli -- approve ID

            """);
    }

    private static string Trim(Uri? address) => address?.GetLeftPart(UriPartial.Authority) ?? "-";
}
